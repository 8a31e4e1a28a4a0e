/* Values of any type by their descriptions: whether two are equal, zeros, sums; boxes above all.
 *
 * Comparing keeps its own stack, as a list of any length may be made of boxes. Sums follow the
 * value on the program's stack and stop before that is used up.
 */
#include "bfloat16.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

int32_t charl_equal(const Description *type, void *a, void *b);
void charl_blame(int64_t site, const int64_t *words, int64_t count);

const int64_t charl_dtype_bytes[] = {1, 1, 2, 4, 8, 2, 2, 4, 8};

/* --- What went wrong ------------------------------------------------------------------------- */

static Failure problem;

void *charl_problem(Failure failure) {
    problem = failure;
    return NULL;
}

int charl_is_deep(void) {
    char here;
    return (uintptr_t)&here < (uintptr_t)charl_stack_limit;
}

/* The record of a failure whose reason a function of this library has noted. */
void charl_blame(int64_t site, const int64_t *words, int64_t count) {
    charl_fault(site, words, count);
    charl_fault_kind = problem;
    if (problem == NO_MEMORY) {
        charl_fault_dtype = -1; /* of no tensor */
    }
    problem = STATEMENT_FAILED;
}

/* --- Numbers --------------------------------------------------------------------------------- */

#define EACH_EQUAL(T)                                                                              \
    for (int64_t i = 0; i < count; i++) {                                                          \
        if (!(((const T *)a)[i] == ((const T *)b)[i])) {                                           \
            return 0;                                                                              \
        }                                                                                          \
    }                                                                                              \
    return 1

static int equal_numbers(int64_t dtype, const void *a, const void *b, int64_t count) {
    switch (dtype) {
    case FLOAT16:
        EACH_EQUAL(_Float16);
    case FLOAT32:
        EACH_EQUAL(float);
    case FLOAT64:
        EACH_EQUAL(double);
    case BFLOAT16:
        for (int64_t i = 0; i < count; i++) {
            if (from_bfloat16(((const uint16_t *)a)[i]) != from_bfloat16(((const uint16_t *)b)[i])) {
                return 0;
            }
        }
        return 1;
    default:
        return memcmp(a, b, (size_t)(count * charl_dtype_bytes[dtype])) == 0;
    }
}

#define EACH_SUM(T)                                                                                \
    for (int64_t i = 0; i < count; i++) {                                                          \
        ((T *)to)[i] = (T)(((const T *)a)[i] + ((const T *)b)[i]);                                 \
    }                                                                                              \
    return

static void add_numbers(int64_t dtype, void *to, const void *a, const void *b, int64_t count) {
    switch (dtype) {
    case FLOAT16:
        EACH_SUM(_Float16);
    case FLOAT32:
        EACH_SUM(float);
    case FLOAT64:
        EACH_SUM(double);
    case BFLOAT16:
        for (int64_t i = 0; i < count; i++) {
            float sum = from_bfloat16(((const uint16_t *)a)[i]) + from_bfloat16(((const uint16_t *)b)[i]);
            ((uint16_t *)to)[i] = to_bfloat16(sum);
        }
    }
}

/* --- Items ----------------------------------------------------------------------------------- */

/* The number of elements of a tensor; 1 for a scalar. */
int64_t charl_item_elements(const Description *type, const int64_t *item) {
    int64_t count = 1;
    for (int64_t axis = 1; axis <= type->rank; axis++) {
        count *= item[axis];
    }
    return count;
}

void charl_copy_item(const Description *type, void *to, const void *from) {
    memcpy(to, from, (size_t)type->item_bytes);
    if (type->kind != SCALAR) {
        charl_retain(*(void **)to);
    }
}

/* Zeros of the structure of `like`; the cotangent zero of a box. */
int charl_zero_item(const Description *type, void *to, const void *like) {
    void *made = NULL;
    memcpy(to, like, (size_t)type->item_bytes);
    switch (type->kind) {
    case SCALAR:
        memset(to, 0, (size_t)type->item_bytes);
        return 0;
    case TENSOR: {
        int64_t bytes = charl_item_elements(type, like) * charl_dtype_bytes[type->dtype];
        made = charl_allocate(bytes);
        if (made == NULL) {
            charl_problem(NO_MEMORY);
            return 1;
        }
        memset(made, 0, (size_t)bytes);
        break;
    }
    case LIST:
        made = charl_list_zeros_like(*(void **)like);
        break;
    case BOX:
        made = charl_no_cotangent_of_box();
        break;
    default: /* no structure of floats: itself */
        made = *(void **)like;
        charl_retain(made);
    }
    *(void **)to = made;
    return made == NULL;
}

/* The sum of two items; `count` is the number of a tensor's elements, -1 where the items tell. */
int charl_add_item(const Description *type, int64_t count, void *to, const void *left,
                   const void *right) {
    if (type->kind == SCALAR) {
        add_numbers(type->dtype, to, left, right, 1);
        return 0;
    }
    if (charl_is_deep()) {
        charl_problem(TOO_DEEP);
        return 1;
    }
    void *a = *(void **)left, *b = *(void **)right, *made = NULL;
    switch (type->kind) {
    case TENSOR: {
        int64_t elements = count < 0 ? charl_item_elements(type, left) : count;
        int64_t bytes = elements * charl_dtype_bytes[type->dtype];
        if (charl_room(a) < bytes || charl_room(b) < bytes) {
            made = charl_room(a) < bytes ? b : a; /* the other is a value that nobody looks at */
            charl_retain(made);
            break;
        }
        made = charl_allocate(bytes);
        if (made == NULL) {
            charl_problem(NO_MEMORY);
            return 1;
        }
        add_numbers(type->dtype, made, a, b, elements);
        break;
    }
    case LIST:
        made = charl_list_add(a, b);
        break;
    case BOX:
        made = charl_cotangent_add(a, b);
        break;
    default:
        made = a;
        charl_retain(made);
    }
    if (count < 0) {
        memcpy(to, left, (size_t)type->item_bytes);
    }
    *(void **)to = made;
    return made == NULL;
}

/* --- Equality -------------------------------------------------------------------------------- */

typedef struct {
    const Description *type;
    void *a, *b;
} Pair;

typedef struct {
    Pair *pairs;
    int64_t count, room;
} Pending;

static int put(Pending *pending, const Description *type, void *a, void *b) {
    if (pending->count == pending->room) {
        int64_t room = pending->room ? 2 * pending->room : 64;
        Pair *grown = realloc(pending->pairs, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            return 0;
        }
        pending->pairs = grown;
        pending->room = room;
    }
    pending->pairs[pending->count++] = (Pair){type, a, b};
    return 1;
}

/* 1 or 0 for items that tell at once, -1 when what they hold was put off, -2 without memory. */
static int equal_items(const Description *type, void *a, void *b, Pending *pending) {
    switch (type->kind) {
    case SCALAR:
        return equal_numbers(type->dtype, a, b, 1);
    case TENSOR:
        return memcmp((int64_t *)a + 1, (int64_t *)b + 1, (size_t)type->rank * 8) == 0 &&
               equal_numbers(type->dtype, *(void **)a, *(void **)b, charl_item_elements(type, a));
    default:
        return put(pending, type, *(void **)a, *(void **)b) ? -1 : -2;
    }
}

static int equal_objects(const Pair *pair, Pending *pending) {
    int found = 1;
    switch (pair->type->kind) {
    case STRING: {
        const String *s = pair->a, *t = pair->b;
        return s->bytes == t->bytes && memcmp(s->text, t->text, (size_t)s->bytes) == 0;
    }
    case LIST: {
        const List *xs = pair->a, *ys = pair->b;
        const Description *element = pair->type->element;
        if (xs->length != ys->length) {
            return 0;
        }
        for (int64_t i = 0; i < xs->length && (found == 1 || found == -1); i++) {
            int64_t offset = i * element->item_bytes;
            found = equal_items(element, xs->items + offset, ys->items + offset, pending);
        }
        return found;
    }
    case BOX: {
        Box *x = pair->a, *y = pair->b;
        if (x->tag != y->tag) {
            return 0;
        }
        if (x->tag < 0) {
            return 1;
        }
        const Variant *variant = &pair->type->variants[x->tag];
        for (int64_t i = 0; i < variant->count && (found == 1 || found == -1); i++) {
            int64_t place = pair->type->places[i];
            found = equal_items(variant->fields[i], x->words + place, y->words + place, pending);
        }
        return found;
    }
    default:
        return pair->a == pair->b;
    }
}

/* Whether two objects of one type are equal in every part; -1 without memory. */
int32_t charl_equal(const Description *type, void *a, void *b) {
    Pending pending = {NULL, 0, 0};
    int found = put(&pending, type, a, b) ? 1 : -2;
    while (pending.count > 0 && (found == 1 || found == -1)) {
        Pair pair = pending.pairs[--pending.count];
        found = equal_objects(&pair, &pending);
    }
    free(pending.pairs);
    if (found == -2) {
        charl_problem(NO_MEMORY);
        return -1;
    }
    return found != 0;
}
