/* Lists: items in a block of their own that grows by doubling, so that pushing n takes O(n).
 *
 * Functions that take "a list of one's own" overwrite it: whoever calls them holds it alone. Indices
 * are in bounds and slices checked before. NULL or a status that is not zero means no memory.
 */
#include "values.h"

#include <string.h>

List *charl_list_copy(const List *list);
int32_t charl_list_reserve(List *list, int64_t more);
char *charl_list_open(List *list, int64_t place);
void charl_list_close(List *list, int64_t place);
void charl_list_reverse(List *list);
List *charl_list_slice(List *list, int64_t start, int64_t count, int64_t step);
void charl_list_slice_set(List *list, const List *values, int64_t start, int64_t step);
int32_t charl_list_extend(List *list, const List *more);
int32_t charl_list_stack_sizes(const List *list, int64_t *sizes);
void charl_list_stack(const List *list, char *tensor, int64_t row_bytes);
List *charl_list_unstack(const Description *type, const char *tensor, const int64_t *sizes);
int32_t charl_list_add_at(List *list, int64_t place, const void *value);

static const Description *element_of(const List *list) { return charl_description(list)->element; }

static char *item(const List *list, int64_t place) {
    return list->items + place * element_of(list)->item_bytes;
}

/* A list with room for this many items, which are still to be filled in. */
List *charl_list_new(const Description *description, int64_t length) {
    List *list = charl_object(sizeof(List), description);
    if (list == NULL) {
        return NULL;
    }
    *list = (List){0, 0, NULL};
    if (length > 0 && charl_list_reserve(list, length) != 0) {
        charl_release(list);
        return NULL;
    }
    list->length = length;
    return list;
}

int32_t charl_list_reserve(List *list, int64_t more) {
    int64_t wanted, bytes, each = element_of(list)->item_bytes;
    if (__builtin_add_overflow(list->length, more, &wanted) ||
        __builtin_mul_overflow(wanted, each, &bytes)) {
        charl_problem(NO_MEMORY);
        return 1;
    }
    if (wanted <= list->capacity) {
        return 0;
    }
    char *items = charl_allocate(bytes);
    if (items == NULL) {
        charl_problem(NO_MEMORY);
        return 1;
    }
    if (list->items != NULL) {
        memcpy(items, list->items, (size_t)(list->length * each));
        charl_release(list->items);
    }
    list->items = items;
    list->capacity = charl_room(items) / each; /* all that the block has */
    return 0;
}

int32_t charl_list_grow(List *list) {
    return charl_list_reserve(list, list->length < 4 ? 4 : list->length);
}

static void retain_items(const Description *element, char *items, int64_t count) {
    if (element->kind != SCALAR) {
        for (int64_t i = 0; i < count; i++) {
            charl_retain(*(void **)(items + i * element->item_bytes));
        }
    }
}

/* A list of one's own with the items of a shared one. */
List *charl_list_copy(const List *list) {
    const Description *description = charl_description(list);
    List *made = charl_object(sizeof(List), description);
    if (made == NULL) {
        return NULL;
    }
    *made = (List){0, 0, NULL};
    if (list->items != NULL) {
        const Description *element = description->element;
        made->items = charl_twin(list->items, list->length * element->item_bytes);
        if (made->items == NULL) {
            charl_release(made);
            return NULL;
        }
        made->length = list->length;
        made->capacity = list->capacity;
        retain_items(element, made->items, list->length);
    }
    return made;
}

/* --- Changing a list of one's own ------------------------------------------------------------ */

/* Makes a gap before an item; where it is, or NULL. */
char *charl_list_open(List *list, int64_t place) {
    if (list->length == list->capacity && charl_list_grow(list) != 0) {
        return NULL;
    }
    int64_t each = element_of(list)->item_bytes;
    char *gap = list->items + place * each;
    memmove(gap + each, gap, (size_t)((list->length - place) * each));
    list->length++;
    return gap;
}

/* Closes the gap of an item that was taken out. */
void charl_list_close(List *list, int64_t place) {
    int64_t each = element_of(list)->item_bytes;
    char *gap = list->items + place * each;
    list->length--;
    memmove(gap, gap + each, (size_t)((list->length - place) * each));
}

void charl_list_reverse(List *list) {
    int64_t each = element_of(list)->item_bytes;
    for (int64_t low = 0, high = list->length - 1; low < high; low++, high--) {
        char *a = list->items + low * each, *b = list->items + high * each;
        for (int64_t i = 0; i < each; i++) {
            char kept = a[i];
            a[i] = b[i];
            b[i] = kept;
        }
    }
}

void charl_list_slice_set(List *list, const List *values, int64_t start, int64_t step) {
    const Description *element = element_of(list);
    size_t each = (size_t)element->item_bytes;
    for (int64_t i = 0; i < values->length; i++) {
        char *to = item(list, start + i * step);
        void *old = element->kind == SCALAR ? NULL : *(void **)to;
        memcpy(to, item(values, i), each);
        retain_items(element, to, 1);
        if (old != NULL) {
            charl_release(old);
        }
    }
}

/* `more` may be the list itself. */
int32_t charl_list_extend(List *list, const List *more) {
    int64_t count = more->length;
    if (list->length + count > list->capacity) {
        int64_t room = count > list->length ? count : list->length;
        if (charl_list_reserve(list, room) != 0) {
            return 1;
        }
    }
    if (count > 0) {
        char *end = item(list, list->length);
        memcpy(end, more->items, (size_t)(count * element_of(list)->item_bytes));
        retain_items(element_of(list), end, count);
        list->length += count;
    }
    return 0;
}

/* --- Slices ---------------------------------------------------------------------------------- */

/* How many places `start..stop step` has; -1 unless all lie within the length, as
 * `charl/ops/list_values.py: slice_range` says. */
int64_t charl_slice_count(int64_t length, int64_t start, int64_t stop, int64_t step) {
    if (step == 0) {
        return -1;
    }
    int64_t count = charl_turns(start, stop, step);
    if (count == 0) {
        int inside = step > 0 ? start >= 0 && start <= length : start >= -1 && start < length;
        return inside ? 0 : -1;
    }
    int64_t gone, last;
    if (__builtin_mul_overflow(count - 1, step, &gone) ||
        __builtin_add_overflow(start, gone, &last)) {
        return -1;
    }
    int inside = start >= 0 && start < length && last >= 0 && last < length;
    return inside ? count : -1;
}

List *charl_list_slice(List *list, int64_t start, int64_t count, int64_t step) {
    List *made = charl_list_new(charl_description(list), count);
    if (made == NULL || count == 0) {
        return made;
    }
    size_t each = (size_t)element_of(list)->item_bytes;
    if (step == 1) {
        memcpy(made->items, item(list, start), each * (size_t)count);
    } else {
        for (int64_t i = 0; i < count; i++) {
            memcpy(made->items + i * (int64_t)each, item(list, start + i * step), each);
        }
    }
    retain_items(element_of(list), made->items, count);
    return made;
}

/* --- Tensors --------------------------------------------------------------------------------- */

/* The sizes of the tensor that the elements make, in front the length; the status is not 0 when
 * they differ in shape. Without elements all sizes are 0. */
int32_t charl_list_stack_sizes(const List *list, int64_t *sizes) {
    size_t bytes = (size_t)element_of(list)->rank * 8;
    sizes[0] = list->length;
    if (list->length == 0) {
        memset(sizes + 1, 0, bytes);
        return 0;
    }
    memcpy(sizes + 1, list->items + 8, bytes);
    for (int64_t i = 1; i < list->length; i++) {
        if (memcmp(item(list, i) + 8, sizes + 1, bytes) != 0) {
            return 1;
        }
    }
    return 0;
}

void charl_list_stack(const List *list, char *tensor, int64_t row_bytes) {
    for (int64_t i = 0; i < list->length; i++) {
        memcpy(tensor + i * row_bytes, *(char **)item(list, i), (size_t)row_bytes);
    }
}

/* The rows of a tensor of these sizes. */
List *charl_list_unstack(const Description *type, const char *tensor, const int64_t *sizes) {
    const Description *element = type->element;
    List *made = charl_list_new(type, sizes[0]);
    if (made == NULL || sizes[0] == 0) {
        return made;
    }
    if (element->kind == SCALAR) {
        memcpy(made->items, tensor, (size_t)(sizes[0] * element->item_bytes));
        return made;
    }
    int64_t bytes = charl_dtype_bytes[element->dtype];
    for (int64_t axis = 1; axis <= element->rank; axis++) {
        bytes *= sizes[axis];
    }
    for (int64_t i = 0; i < sizes[0]; i++) {
        char *row = charl_allocate(bytes);
        if (row == NULL) {
            return charl_problem(NO_MEMORY);
        }
        memcpy(row, tensor + i * bytes, (size_t)bytes);
        int64_t *to = (int64_t *)item(made, i);
        to[0] = (int64_t)row;
        memcpy(to + 1, sizes + 1, (size_t)element->rank * 8);
    }
    return made;
}

/* --- Gradients ------------------------------------------------------------------------------- */

List *charl_list_zeros_like(List *list) {
    List *made = charl_list_new(charl_description(list), list->length);
    for (int64_t i = 0; made != NULL && i < list->length; i++) {
        if (charl_zero_item(element_of(list), item(made, i), item(list, i)) != 0) {
            return NULL;
        }
    }
    return made;
}

/* The sum of two lists; a missing tail counts as zeros. */
List *charl_list_add(List *left, List *right) {
    if (left->length < right->length) {
        /* Addition commutes, of two NaNs alone either may be the result. */
        List *kept = left;
        left = right;
        right = kept;
    }
    const Description *element = element_of(left);
    List *made = charl_list_new(charl_description(left), left->length);
    for (int64_t i = 0; made != NULL && i < left->length; i++) {
        char *to = item(made, i), *from = item(left, i);
        if (i >= right->length) {
            charl_copy_item(element, to, from);
        } else if (charl_add_item(element, -1, to, from, item(right, i)) != 0) {
            return NULL;
        }
    }
    return made;
}

int32_t charl_list_add_at(List *list, int64_t place, const void *value) {
    const Description *element = element_of(list);
    char *at = item(list, place);
    int64_t total[1 + 64];
    if (charl_add_item(element, -1, total, at, value) != 0) {
        return 1;
    }
    void *old = *(void **)at;
    memcpy(at, total, (size_t)element->item_bytes);
    charl_release(old);
    return 0;
}
