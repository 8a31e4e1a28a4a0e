/* Numbers as text, and what the program prints.
 *
 * A float takes the fewest digits that read back as the same number in its own dtype, and of those
 * the nearest; it is written as `charl/ops/show.py` says. Digits come from printf and are tried with
 * strtod: right by their guarantees, and no digit of ours can be wrong.
 *
 * What is printed gathers in a buffer that the host sends on before it does anything else, when the
 * program ends, however that is, and when the buffer is full.
 */
#include "values.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

String *charl_show_int(int64_t value);
String *charl_show_bool(int32_t value);
String *charl_show_double(double value);
String *charl_show_float(float value);
String *charl_format_float(double value, int32_t width, int32_t precision, int32_t letter);
String *charl_format_int(int64_t value, int32_t width, int32_t zeros);
String *charl_show_tensor(const int64_t *slot, int64_t dtype, int64_t rank);
int32_t charl_print(const String *text, const String *end);
void charl_output_to(int32_t (*to)(void));

enum { MOST_DIGITS = 17, NUMBER_BYTES = 64, OUTPUT_BYTES = 1 << 16 };

/* A tensor of more elements than MOST_SHOWN keeps ENDS of each axis at both ends. */
enum { MOST_SHOWN = 1000, ENDS = 3 };

static String *ascii(const char *text, int64_t length) {
    String *made = charl_allocate((int64_t)sizeof(String) + length);
    if (made == NULL) {
        return charl_problem(NO_MEMORY);
    }
    made->bytes = made->characters = length;
    memcpy(made->text, text, (size_t)length);
    return made;
}

String *charl_show_int(int64_t value) {
    char text[24];
    return ascii(text, snprintf(text, sizeof text, "%lld", (long long)value));
}

String *charl_show_bool(int32_t value) { return value ? ascii("true", 4) : ascii("false", 5); }

/* --- Floats ---------------------------------------------------------------------------------- */

/* A positive number as d.ddd e exponent; `digits` ends with a zero byte. */
typedef struct {
    char digits[MOST_DIGITS + 3];
    int exponent;
} Decimal;

static Decimal rounded(double value, int count) {
    char text[40];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    Decimal found;
    int length = 0;
    char *place = text;
    for (; *place != 'e'; place++) {
        if (*place != '.') {
            found.digits[length++] = *place;
        }
    }
    found.digits[length] = 0;
    found.exponent = atoi(place + 1);
    return found;
}

static int reads_back(const Decimal *decimal, double value, int narrow) {
    char text[48];
    snprintf(text, sizeof text, "%c.%se%d", decimal->digits[0], decimal->digits + 1,
             decimal->exponent);
    return narrow ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
}

/* The next decimal of as many digits. */
static void step_up(Decimal *decimal) {
    int i = (int)strlen(decimal->digits) - 1;
    while (i >= 0 && decimal->digits[i] == '9') {
        decimal->digits[i--] = '0';
    }
    if (i >= 0) {
        decimal->digits[i]++;
    } else {
        decimal->digits[0] = '1';
        decimal->exponent++;
    }
}

static Decimal shortest(double value, int narrow) {
    /* Below a power of two the numbers lie closer: a decimal above may read back where the nearest,
     * which is below, does not. */
    int exponent;
    int is_power = frexp(value, &exponent) == 0.5;
    /* A decimal of FLT_DIG or DBL_DIG digits comes back from any normal number unchanged: if fewer
     * do, the others of these are zeros. */
    int is_normal = value >= (narrow ? (double)FLT_MIN : DBL_MIN);
    int fewest = !is_normal ? 1 : narrow ? FLT_DIG : DBL_DIG;
    for (int count = fewest; count < MOST_DIGITS; count++) {
        Decimal found = rounded(value, count);
        if (reads_back(&found, value, narrow)) {
            return found;
        }
        if (is_power) {
            step_up(&found);
            if (reads_back(&found, value, narrow)) {
                return found;
            }
        }
    }
    return rounded(value, MOST_DIGITS);
}

/* The bytes written, at most NUMBER_BYTES. */
static int64_t write_float(char *text, double value, int narrow) {
    char *to = text;
    if (isnan(value)) {
        memcpy(text, "nan", 3);
        return 3;
    }
    if (signbit(value)) {
        *to++ = '-';
        value = -value;
    }
    if (isinf(value) || value == 0.0) {
        memcpy(to, value == 0.0 ? "0.0" : "inf", 3);
        return to + 3 - text;
    }
    Decimal decimal = shortest(value, narrow);
    char *digits = decimal.digits;
    int count = (int)strlen(digits), exponent = decimal.exponent;
    while (count > 1 && digits[count - 1] == '0') {
        digits[--count] = 0;
    }
    if (exponent < -4 || exponent >= 16) {
        to += sprintf(to, "%c%s%se%c%02d", *digits, count > 1 ? "." : "", digits + 1,
                      exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        to += sprintf(to, "0.%.*s%s", -exponent - 1, "000", digits);
    } else if (count <= exponent + 1) {
        to += sprintf(to, "%s%.*s.0", digits, exponent + 1 - count, "000000000000000");
    } else {
        to += sprintf(to, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
    }
    return to - text;
}

String *charl_show_double(double value) {
    char text[NUMBER_BYTES];
    return ascii(text, write_float(text, value, 0));
}

String *charl_show_float(float value) {
    char text[NUMBER_BYTES];
    return ascii(text, write_float(text, (double)value, 1));
}

/* --- Tensors --------------------------------------------------------------------------------- */

/* A text that grows; `at` is NULL once there was no memory for it. */
typedef struct {
    char *at;
    int64_t length, room;
} Growing;

static void put(Growing *text, const char *bytes, int64_t count) {
    if (text->length + count > text->room && text->at != NULL) {
        text->room = 2 * text->room + count;
        char *grown = realloc(text->at, (size_t)text->room);
        if (grown == NULL) {
            free(text->at);
        }
        text->at = grown;
    }
    if (text->at != NULL) {
        memcpy(text->at + text->length, bytes, (size_t)count);
        text->length += count;
    }
}

static void put_number(Growing *text, const char *place, DType dtype) {
    char number[NUMBER_BYTES];
    long long whole = 0;
    float narrow;
    double wide;
    switch (dtype) {
    case BOOL:
        put(text, *place ? "true" : "false", *place ? 4 : 5);
        return;
    case FLOAT32:
        memcpy(&narrow, place, sizeof narrow);
        put(text, number, write_float(number, (double)narrow, 1));
        return;
    case FLOAT64:
        memcpy(&wide, place, sizeof wide);
        put(text, number, write_float(number, wide, 0));
        return;
    case INT8:
        whole = *(const int8_t *)place;
        break;
    case INT16:
        whole = *(const int16_t *)(const void *)place;
        break;
    case INT32:
        whole = *(const int32_t *)(const void *)place;
        break;
    default:
        whole = *(const int64_t *)(const void *)place;
    }
    put(text, number, snprintf(number, sizeof number, "%lld", whole));
}

static int64_t bytes_of(DType dtype) {
    switch (dtype) {
    case BOOL:
    case INT8:
        return 1;
    case INT16:
        return 2;
    case INT32:
    case FLOAT32:
        return 4;
    default:
        return 8;
    }
}

/* As `show_tensor` of charl/ops/show.py: with `elide` long axes keep their ends. */
static void put_axes(Growing *text, const char *data, DType dtype, const int64_t *sizes,
                     int64_t rank, int elide) {
    if (rank == 0) {
        put_number(text, data, dtype);
        return;
    }
    int64_t stride = bytes_of(dtype), length = sizes[0];
    for (int64_t axis = 1; axis < rank; axis++) {
        stride *= sizes[axis];
    }
    put(text, "[", 1);
    for (int64_t i = 0; i < length && text->at != NULL; i++) {
        if (i > 0) {
            put(text, ", ", 2);
        }
        if (elide && length > 2 * ENDS && i == ENDS) {
            put(text, "..., ", 5);
            i = length - ENDS;
        }
        put_axes(text, data + i * stride, dtype, sizes + 1, rank - 1, elide);
    }
    put(text, "]", 1);
}

/* `slot` holds a tensor: the pointer to its elements, then its sizes. */
String *charl_show_tensor(const int64_t *slot, int64_t dtype, int64_t rank) {
    int64_t count = 1;
    for (int64_t axis = 1; axis <= rank && count <= MOST_SHOWN; axis++) {
        int64_t size = slot[axis] > 0 ? slot[axis] : 1;
        count = size > MOST_SHOWN ? size : count * size;
    }
    Growing text = {malloc(256), 0, 256};
    put_axes(&text, (const char *)(intptr_t)slot[0], (DType)dtype, slot + 1, rank,
             count > MOST_SHOWN);
    if (text.at == NULL) {
        return charl_problem(NO_MEMORY);
    }
    String *made = ascii(text.at, text.length);
    free(text.at);
    return made;
}

/* --- Formats --------------------------------------------------------------------------------- */

static String *padded(const char *text, int64_t length, int64_t width, char fill) {
    String *made = charl_allocate((int64_t)sizeof(String) + (length > width ? length : width));
    if (made == NULL) {
        return charl_problem(NO_MEMORY);
    }
    int64_t gap = length < width ? width - length : 0;
    int64_t sign = fill == '0' && *text == '-' ? 1 : 0;
    memcpy(made->text, text, (size_t)sign);
    memset(made->text + sign, fill, (size_t)gap);
    memcpy(made->text + sign + gap, text + sign, (size_t)(length - sign));
    made->bytes = made->characters = length + gap;
    return made;
}

/* `letter` is e or f. */
String *charl_format_float(double value, int32_t width, int32_t precision, int32_t letter) {
    char text[1500]; /* a double has at most 309 digits before its point, a precision 1000 */
    int length;
    if (isnan(value)) {
        length = snprintf(text, sizeof text, "nan");
    } else {
        length = snprintf(text, sizeof text, letter == 'e' ? "%.*e" : "%.*f", precision, value);
    }
    return padded(text, length, width, ' ');
}

String *charl_format_int(int64_t value, int32_t width, int32_t zeros) {
    char text[24];
    int length = snprintf(text, sizeof text, "%lld", (long long)value);
    return padded(text, length, width, zeros ? '0' : ' ');
}

/* --- Printing -------------------------------------------------------------------------------- */

char charl_output[OUTPUT_BYTES];
int64_t charl_output_count;
/* Whether every print is sent on at once, since somebody watches. */
int64_t charl_output_now;

static int32_t (*send)(void);

/* `to` sends on what the buffer holds, and empties it; 0 when that failed. */
void charl_output_to(int32_t (*to)(void)) { send = to; }

/* 0 when the host has to print it, or to tell why nothing can be printed. */
int32_t charl_print(const String *text, const String *end) {
    int64_t bytes = text->bytes + end->bytes;
    if (bytes > OUTPUT_BYTES || (bytes > OUTPUT_BYTES - charl_output_count && !send())) {
        return 0;
    }
    char *to = charl_output + charl_output_count;
    memcpy(to, text->text, (size_t)text->bytes);
    memcpy(to + text->bytes, end->text, (size_t)end->bytes);
    charl_output_count += bytes;
    return charl_output_now ? send() : 1;
}
