/* Strings, lists and boxes as they lie in memory, and the descriptions that tell what they hold.
 *
 * An item of a list, a field of a box and a slot of the host are laid out alike: a scalar in its
 * first bytes, a tensor as its pointer and its sizes, anything else as a pointer. In a list scalars
 * lie close together; everywhere else an item takes whole words.
 *
 * A cotangent stands for the gradient of a box (see `charl/ops/boxes.py`): any of its parts may be
 * missing, and it knows no tag, so each part says what it is.
 */
#ifndef CHARL_VALUES_H
#define CHARL_VALUES_H

#include "charl.h"

typedef enum { SCALAR, TENSOR, STRING, LIST, BOX, HANDLE, COTANGENT } Kind;

/* The numbers of dtypes, in the order of `charl.types.dtypes.ALL`. */
typedef enum { BOOL, INT8, INT16, INT32, INT64, FLOAT16, BFLOAT16, FLOAT32, FLOAT64 } DType;

/* What a value is. `item_bytes` is what it takes as an item of a list. */
typedef struct Description {
    int64_t kind;
    int64_t dtype, rank;
    int64_t item_bytes;
    const struct Description *element;
    const struct Variant *variants; /* of a box, by its tag */
    const int64_t *places;          /* the word where each field lies, whatever the tag */
} Description;

/* The fields of a box with one tag. */
typedef struct Variant {
    int64_t count;
    const Description *const *fields;
} Variant;

/* In the constant `text` lies in the module, otherwise in the rest of the block. */
typedef struct {
    int64_t bytes, characters;
    char text[];
} String;

typedef struct {
    int64_t length, capacity;
    char *items; /* a block of its own; NULL without capacity */
} List;

/* A negative tag: the box that nobody looks at. */
typedef struct {
    int64_t tag;
    int64_t words[];
} Box;

typedef struct {
    const Description *type; /* NULL where the part is missing */
    int64_t word;
    int64_t elements; /* of a tensor */
} Part;

typedef struct {
    int64_t count;
    Part parts[];
} Cotangent;

/* A counted object whose parts are released with it, by its description. */
void *charl_object(int64_t bytes, const Description *description);
/* A block as large as another one, with a copy of its first bytes. */
void *charl_twin(const void *pointer, int64_t bytes);
const Description *charl_description(const void *object);
int64_t charl_room(const void *object);
void charl_retain(void *object);
void charl_release(void *object);

/* Notes why the function at work fails, and gives the NULL that it returns. */
void *charl_problem(Failure failure);
/* Whether the stack is nearly used up. */
int charl_is_deep(void);

extern const int64_t charl_dtype_bytes[];

List *charl_list_new(const Description *description, int64_t length);
int32_t charl_list_grow(List *list);
int64_t charl_turns(int64_t low, int64_t high, int64_t step);
int64_t charl_slice_count(int64_t length, int64_t start, int64_t stop, int64_t step);
String *charl_character(uint32_t code);
List *charl_list_zeros_like(List *list);
List *charl_list_add(List *left, List *right);
Cotangent *charl_no_cotangent_of_box(void);
Cotangent *charl_cotangent_add(Cotangent *left, Cotangent *right);
int64_t charl_item_elements(const Description *type, const int64_t *item);
void charl_copy_item(const Description *type, void *to, const void *from);
int charl_zero_item(const Description *type, void *to, const void *like);
int charl_add_item(const Description *type, int64_t count, void *to, const void *left,
                   const void *right);

#endif
