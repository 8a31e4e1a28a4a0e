/* Strings: UTF-8 bytes with their number of bytes and of characters.
 *
 * Where the two agree the text is ASCII and a character is found at once; elsewhere its place is
 * counted from the front. The order of the bytes is that of the characters' codes. A text that is
 * built by appending grows in its own block, which is made larger than it need be when it moves.
 */
#include "values.h"

#include <stdlib.h>
#include <string.h>

String *charl_string_concat(const String *a, const String *b);
String *charl_string_append(String *a, const String *b);
int32_t charl_string_eq(const String *a, const String *b);
int32_t charl_string_lt(const String *a, const String *b);
String *charl_string_at(const String *s, int64_t place);
String *charl_string_slice(const String *s, int64_t start, int64_t count, int64_t step);
int64_t charl_string_find(const String *s, const String *part);
int32_t charl_string_starts_with(const String *s, const String *part);
int32_t charl_string_ends_with(const String *s, const String *part);
String *charl_string_replace(const String *s, const String *old, const String *new);
List *charl_string_split(const Description *type, const String *s, const String *separator);
List *charl_string_characters(const Description *type, const String *s);
String *charl_string_join(const List *parts, const String *separator);
String *charl_string_trim(const String *s);
String *charl_string_repeat(const String *s, int64_t times);
String *charl_string_change_case(const String *s, int32_t upper);
int64_t charl_character_code(const String *s);
int32_t charl_is_code(int64_t code);
int32_t charl_parse_int(const String *s, int64_t *value);
int32_t charl_parse_float(const String *s, double *value);

enum { FRONT_BYTES = sizeof(String), MOST_BYTES = 1 << 30 };

static String *new_string(int64_t bytes, int64_t characters, int64_t room) {
    String *made = charl_allocate(FRONT_BYTES + (room > bytes ? room : bytes));
    if (made == NULL) {
        return charl_problem(NO_MEMORY);
    }
    made->bytes = bytes;
    made->characters = characters;
    return made;
}

static String *part_of(const char *text, int64_t bytes, int64_t characters) {
    if (bytes == 1) {
        return charl_character((unsigned char)*text);
    }
    String *made = new_string(bytes, characters, 0);
    if (made != NULL && bytes > 0) {
        memcpy(made->text, text, (size_t)bytes);
    }
    return made;
}

/* --- Characters ------------------------------------------------------------------------------ */

/* The bytes of the character that begins with this one. */
static int64_t width(char first) {
    unsigned char byte = (unsigned char)first;
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

static int64_t count_characters(const char *text, int64_t bytes) {
    int64_t count = 0;
    for (int64_t i = 0; i < bytes; i++) {
        count += (text[i] & 0xC0) != 0x80;
    }
    return count;
}

/* Where character `place` begins, in bytes. */
static int64_t offset_of(const String *s, int64_t place) {
    if (s->bytes == s->characters) {
        return place;
    }
    int64_t offset = 0;
    while (place-- > 0) {
        offset += width(s->text[offset]);
    }
    return offset;
}

static uint32_t code_at(const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    switch (width(*text)) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    case 3:
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    default:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
               (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    }
}

/* The texts of one ASCII character, which are never freed. */
typedef struct {
    _Alignas(64) int64_t links[6];
    Header header;
    int64_t bytes, characters;
    char text[48];
} Immortal;

static Immortal ascii[128];

String *charl_character(uint32_t code) {
    if (code < 128) {
        Immortal *made = &ascii[code];
        if (made->bytes == 0) {
            made->header = (Header){(int64_t)1 << 60, sizeof made->text + FRONT_BYTES};
            made->bytes = made->characters = 1;
            made->text[0] = (char)code;
        }
        made->header.references++;
        return (String *)&made->bytes;
    }
    char text[4];
    int64_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int64_t i = bytes - 1; i > 0; i--) {
        text[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    text[0] = (char)((0xF00 >> bytes) | code);
    return part_of(text, bytes, 1);
}

int64_t charl_character_code(const String *s) {
    return s->characters == 1 ? (int64_t)code_at(s->text) : -1;
}

int32_t charl_is_code(int64_t code) {
    return code >= 0 && code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
}

/* --- Comparing and finding ------------------------------------------------------------------- */

int32_t charl_string_eq(const String *a, const String *b) {
    return a->bytes == b->bytes && memcmp(a->text, b->text, (size_t)a->bytes) == 0;
}

int32_t charl_string_lt(const String *a, const String *b) {
    int64_t common = a->bytes < b->bytes ? a->bytes : b->bytes;
    int order = memcmp(a->text, b->text, (size_t)common);
    return order != 0 ? order < 0 : a->bytes < b->bytes;
}

int64_t charl_string_find(const String *s, const String *part) {
    const char *found = memmem(s->text, (size_t)s->bytes, part->text, (size_t)part->bytes);
    if (found == NULL) {
        return -1;
    }
    int64_t offset = found - s->text;
    return s->bytes == s->characters ? offset : count_characters(s->text, offset);
}

int32_t charl_string_starts_with(const String *s, const String *part) {
    return part->bytes <= s->bytes && memcmp(s->text, part->text, (size_t)part->bytes) == 0;
}

int32_t charl_string_ends_with(const String *s, const String *part) {
    int64_t start = s->bytes - part->bytes;
    return start >= 0 && memcmp(s->text + start, part->text, (size_t)part->bytes) == 0;
}

/* --- Parts ----------------------------------------------------------------------------------- */

String *charl_string_at(const String *s, int64_t place) {
    const char *text = s->text + offset_of(s, place);
    return part_of(text, width(*text), 1);
}

/* Every step-th of `count` characters from `start` on, all of which there are. */
String *charl_string_slice(const String *s, int64_t start, int64_t count, int64_t step) {
    if (count == 0) {
        return part_of("", 0, 0);
    }
    if (step == 1 || count == 1) {
        int64_t from = offset_of(s, start);
        int64_t to = s->bytes == s->characters ? from + count : from;
        for (int64_t i = 0; to < s->bytes && s->bytes != s->characters && i < count; i++) {
            to += width(s->text[to]);
        }
        return part_of(s->text + from, to - from, count);
    }
    /* One walk from character to character in either direction. */
    String *made = new_string(0, count, 4 * count < s->bytes ? 4 * count : s->bytes);
    if (made == NULL) {
        return NULL;
    }
    int64_t offset = offset_of(s, start);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0 && s->bytes == s->characters) {
            offset += step;
        } else if (i > 0) {
            for (int64_t gone = 0; gone < step; gone++) {
                offset += width(s->text[offset]);
            }
            for (int64_t gone = 0; gone > step; gone--) {
                do {
                    offset--;
                } while ((s->text[offset] & 0xC0) == 0x80);
            }
        }
        int64_t bytes = width(s->text[offset]);
        memcpy(made->text + made->bytes, s->text + offset, (size_t)bytes);
        made->bytes += bytes;
    }
    return made;
}

/* White space as Unicode has it (White_Space, and the separators 1C to 1F). */
static int is_space(uint32_t code) {
    return (code >= 9 && code <= 13) || (code >= 28 && code <= 32) || code == 0x85 ||
           code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
           code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

/* The stretch of a text that is left without the white space at its ends. */
static void trimmed(const String *s, const char **from, const char **to) {
    const char *end = s->text + s->bytes;
    *from = s->text;
    while (*from < end && is_space(code_at(*from))) {
        *from += width(**from);
    }
    *to = end;
    while (*to > *from) {
        const char *last = *to - 1;
        while ((*last & 0xC0) == 0x80) {
            last--;
        }
        if (!is_space(code_at(last))) {
            break;
        }
        *to = last;
    }
}

String *charl_string_trim(const String *s) {
    const char *from, *to;
    trimmed(s, &from, &to);
    return part_of(from, to - from, count_characters(from, to - from));
}

static int push_part(List *list, const char *from, const char *to) {
    if (list->length == list->capacity && charl_list_grow(list) != 0) {
        return 0;
    }
    String *part = part_of(from, to - from, count_characters(from, to - from));
    if (part == NULL) {
        return 0;
    }
    ((String **)list->items)[list->length++] = part;
    return 1;
}

/* The parts between separators; without one, those between runs of white space. */
List *charl_string_split(const Description *type, const String *s, const String *separator) {
    List *made = charl_list_new(type, 0);
    if (made == NULL) {
        return NULL;
    }
    const char *place = s->text, *end = s->text + s->bytes;
    if (separator->bytes > 0) {
        for (;;) {
            const char *found =
                memmem(place, (size_t)(end - place), separator->text, (size_t)separator->bytes);
            if (!push_part(made, place, found == NULL ? end : found)) {
                return NULL;
            }
            if (found == NULL) {
                return made;
            }
            place = found + separator->bytes;
        }
    }
    while (place < end) {
        const char *from = place;
        while (place < end && !is_space(code_at(place))) {
            place += width(*place);
        }
        if (place > from && !push_part(made, from, place)) {
            return NULL;
        }
        if (place < end) {
            place += width(*place);
        }
    }
    return made;
}

List *charl_string_characters(const Description *type, const String *s) {
    List *made = charl_list_new(type, s->characters);
    if (made == NULL) {
        return NULL;
    }
    const char *place = s->text;
    for (int64_t i = 0; i < s->characters; i++) {
        String *part = part_of(place, width(*place), 1);
        if (part == NULL) {
            return NULL;
        }
        ((String **)made->items)[i] = part;
        place += width(*place);
    }
    return made;
}

/* --- Putting together ------------------------------------------------------------------------ */

static void add(String *to, const String *part) {
    memcpy(to->text + to->bytes, part->text, (size_t)part->bytes);
    to->bytes += part->bytes;
    to->characters += part->characters;
}

String *charl_string_concat(const String *a, const String *b) {
    String *made = new_string(0, 0, a->bytes + b->bytes);
    if (made != NULL) {
        add(made, a);
        add(made, b);
    }
    return made;
}

/* Takes over the reference to `a`: who held it alone goes on with it. */
String *charl_string_append(String *a, const String *b) {
    const Header *header = (const Header *)a - 1;
    int alone = header->references == 1;
    if (alone && FRONT_BYTES + a->bytes + b->bytes <= header->bytes) {
        add(a, b);
        return a;
    }
    String *made = new_string(0, 0, (alone ? 2 * a->bytes : a->bytes) + b->bytes);
    if (made == NULL) {
        return NULL;
    }
    add(made, a);
    add(made, b);
    charl_release(a);
    return made;
}

String *charl_string_join(const List *parts, const String *separator) {
    String *const *items = (String *const *)parts->items;
    int64_t bytes = 0;
    for (int64_t i = 0; i < parts->length; i++) {
        bytes += items[i]->bytes + (i > 0 ? separator->bytes : 0);
    }
    String *made = new_string(0, 0, bytes);
    if (made == NULL) {
        return NULL;
    }
    for (int64_t i = 0; i < parts->length; i++) {
        if (i > 0) {
            add(made, separator);
        }
        add(made, items[i]);
    }
    return made;
}

String *charl_string_repeat(const String *s, int64_t times) {
    int64_t bytes;
    if (__builtin_mul_overflow(s->bytes, times, &bytes) || bytes > (int64_t)1 << 46) {
        return charl_problem(NO_MEMORY);
    }
    String *made = new_string(0, 0, bytes);
    for (int64_t i = 0; made != NULL && bytes > 0 && i < times; i++) {
        add(made, s);
    }
    return made;
}

/* Every occurrence of `old`, left to right; the empty text occurs around every character. */
String *charl_string_replace(const String *s, const String *old, const String *new) {
    const char *end = s->text + s->bytes, *place = s->text;
    int64_t count = 0;
    if (old->bytes == 0) {
        count = s->characters + 1;
    } else {
        while ((place = memmem(place, (size_t)(end - place), old->text, (size_t)old->bytes))) {
            count++;
            place += old->bytes;
        }
    }
    String *made = new_string(0, 0, s->bytes + count * (new->bytes - old->bytes));
    if (made == NULL) {
        return NULL;
    }
    place = s->text;
    for (int64_t i = 0; i < count; i++) {
        const char *found = place;
        if (old->bytes > 0) {
            found = memmem(place, (size_t)(end - place), old->text, (size_t)old->bytes);
        } else if (i > 0) {
            found = place + width(*place);
        }
        memcpy(made->text + made->bytes, place, (size_t)(found - place));
        made->bytes += found - place;
        add(made, new);
        place = found + old->bytes;
    }
    memcpy(made->text + made->bytes, place, (size_t)(end - place));
    made->bytes += end - place;
    made->characters = s->characters + count * (new->characters - old->characters);
    return made;
}

/* Of an ASCII text. */
String *charl_string_change_case(const String *s, int32_t upper) {
    String *made = new_string(s->bytes, s->characters, 0);
    for (int64_t i = 0; made != NULL && i < s->bytes; i++) {
        char c = s->text[i];
        int changes = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
        made->text[i] = (char)(changes ? c ^ 0x20 : c);
    }
    return made;
}

/* --- Reading numbers ------------------------------------------------------------------------- */

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Goes past digits with single underscores between them; 0 when there is none. */
static int digits(const char **place, const char *end) {
    if (*place >= end || !is_digit(**place)) {
        return 0;
    }
    while (*place < end) {
        int goes_on = is_digit(**place) ||
                      (**place == '_' && *place + 1 < end && is_digit((*place)[1]));
        if (!goes_on) {
            break;
        }
        ++*place;
    }
    return 1;
}

/* [+-]?[0-9]+(_[0-9]+)*, within 64 bits; the status is not 0 for anything else. */
int32_t charl_parse_int(const String *s, int64_t *value) {
    const char *place, *end;
    trimmed(s, &place, &end);
    int negative = place < end && *place == '-';
    place += place < end && (*place == '+' || *place == '-');
    const char *first = place;
    if (!digits(&place, end) || place != end) {
        return 1;
    }
    int64_t found = 0;
    for (place = first; place < end; place++) {
        int digit = *place - '0';
        if (*place != '_' && (__builtin_mul_overflow(found, 10, &found) ||
                              __builtin_sub_overflow(found, digit, &found))) {
            return 1;
        }
    }
    if (!negative && found == INT64_MIN) {
        return 1;
    }
    *value = negative ? found : -found;
    return 0;
}

/* A decimal number, `inf` or `nan`; the status is not 0 for anything else. */
int32_t charl_parse_float(const String *s, double *value) {
    const char *first, *end;
    trimmed(s, &first, &end);
    const char *place = first;
    place += place < end && (*place == '+' || *place == '-');
    int is_word = end - place == 3 && (!memcmp(place, "inf", 3) || !memcmp(place, "nan", 3));
    if (!is_word) {
        if (digits(&place, end)) {
            place += place < end && *place == '.';
            digits(&place, end);
        } else {
            if (place == end || *place++ != '.' || place == end || !is_digit(*place)) {
                return 1;
            }
            while (place < end && is_digit(*place)) {
                place++;
            }
        }
        if (place < end && (*place == 'e' || *place == 'E')) {
            place++;
            place += place < end && (*place == '+' || *place == '-');
            if (place == end) {
                return 1;
            }
            while (place < end && is_digit(*place)) {
                place++;
            }
        }
        if (place != end) {
            return 1;
        }
    }
    char *text = malloc((size_t)(end - first) + 1);
    if (text == NULL) {
        return 1;
    }
    int64_t length = 0;
    for (place = first; place < end; place++) {
        if (*place != '_') {
            text[length++] = *place;
        }
    }
    text[length] = 0;
    *value = strtod(text, NULL);
    free(text);
    return 0;
}
