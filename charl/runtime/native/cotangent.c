/* Cotangents of boxes: their parts, their sums, and the gradients that they stand for.
 *
 * A part that is missing is zero, as are those beyond the last; the cotangent without parts is zero
 * for any box. `charl/ops/boxes.py` tells the idea.
 */
#include "values.h"

#include <string.h>

Cotangent *charl_box_part(const Description *type, int64_t index, const int64_t *slot);
int32_t charl_box_whole(const Description *type, int64_t index, const void *box, int64_t *slot);
void *charl_gradient_of(const Description *type, void *cotangent, void *like);
void *charl_cotangent_of(const Description *type, void *gradient, void *like);

static const Description COTANGENTS = {.kind = COTANGENT, .item_bytes = 8};

static struct {
    _Alignas(64) int64_t links[5];
    const Description *description;
    Header header;
    int64_t count;
} zero = {.description = &COTANGENTS, .header = {(int64_t)1 << 60, 8}};

Cotangent *charl_no_cotangent_of_box(void) {
    zero.header.references++;
    return (Cotangent *)&zero.count;
}

static Cotangent *new_cotangent(int64_t count) {
    Cotangent *made =
        charl_object((int64_t)sizeof(Cotangent) + count * (int64_t)sizeof(Part), &COTANGENTS);
    if (made != NULL) {
        made->count = count;
        memset(made->parts, 0, (size_t)count * sizeof(Part));
    }
    return made;
}

/* The number of parts; the box that nobody looks at has none. */
static int64_t parts_of(const Cotangent *cotangent) {
    return cotangent->count < 0 ? 0 : cotangent->count;
}

static void copy_part(Part *to, const Part *from) {
    *to = *from;
    if (to->type != NULL && to->type->kind != SCALAR) {
        charl_retain((void *)to->word);
    }
}

/* Whether a value of this type can have a cotangent. */
static int has_floats(const Description *type) {
    while (type->kind == LIST) {
        type = type->element;
    }
    return type->kind == BOX ||
           ((type->kind == SCALAR || type->kind == TENSOR) && type->dtype >= FLOAT16);
}

Cotangent *charl_cotangent_add(Cotangent *left, Cotangent *right) {
    int64_t most = parts_of(left) > parts_of(right) ? parts_of(left) : parts_of(right);
    Cotangent *made = new_cotangent(most);
    for (int64_t i = 0; made != NULL && i < most; i++) {
        const Part *a = i < parts_of(left) ? &left->parts[i] : NULL;
        const Part *b = i < parts_of(right) ? &right->parts[i] : NULL;
        if (a == NULL || a->type == NULL) {
            a = b;
            b = NULL;
        }
        if (a == NULL || a->type == NULL) {
            continue;
        }
        if (b == NULL || b->type == NULL) {
            copy_part(&made->parts[i], a);
            continue;
        }
        Part *sum = &made->parts[i];
        if (charl_add_item(a->type, a->elements, &sum->word, &a->word, &b->word) != 0) {
            return NULL;
        }
        sum->type = a->type;
        sum->elements = a->elements;
    }
    return made;
}

/* The cotangent that has but one part, which lies in the slot. */
Cotangent *charl_box_part(const Description *type, int64_t index, const int64_t *slot) {
    Cotangent *made = new_cotangent(index + 1);
    if (made != NULL) {
        copy_part(&made->parts[index], &(Part){type, *slot, charl_item_elements(type, slot)});
    }
    return made;
}

/* Puts the part at `index` into the slot, which has a value of the structure that it should have;
 * zeros where the part is missing. */
int32_t charl_box_whole(const Description *type, int64_t index, const void *box, int64_t *slot) {
    const Cotangent *cotangent = box;
    if (index >= parts_of(cotangent) || cotangent->parts[index].type == NULL) {
        int64_t like[1 + 64];
        memcpy(like, slot, (size_t)(1 + type->rank) * 8);
        return charl_zero_item(type, slot, like);
    }
    Part part;
    copy_part(&part, &cotangent->parts[index]);
    *slot = part.word;
    return 0;
}

/* --- Gradients ------------------------------------------------------------------------------- */

static Box *new_box(const Description *type, const Box *like) {
    const Variant *variant = &type->variants[like->tag];
    int64_t last = variant->count - 1;
    int64_t words = last < 0 ? 0 : type->places[last] + 1 + variant->fields[last]->rank;
    Box *made = charl_object((int64_t)sizeof(Box) + 8 * words, type);
    if (made != NULL) {
        made->tag = like->tag;
    }
    return made;
}

static int gradient_item(const Description *type, void *to, void *given, void *like);

static Box *gradient_of_box(const Description *type, Cotangent *cotangent, Box *like) {
    if (like->tag < 0) {
        charl_retain(like);
        return like;
    }
    Box *made = new_box(type, like);
    if (made == NULL) {
        return NULL;
    }
    const Variant *variant = &type->variants[like->tag];
    int64_t count = cotangent == NULL ? 0 : parts_of(cotangent);
    for (int64_t i = 0; i < variant->count; i++) {
        const Description *field = variant->fields[i];
        int64_t place = type->places[i];
        Part *part = i < count ? &cotangent->parts[i] : NULL;
        void *given = part == NULL || part->type == NULL ? NULL : &part->word;
        if (gradient_item(field, made->words + place, given, like->words + place) != 0) {
            return NULL;
        }
    }
    return made;
}

static List *gradient_of_list(List *cotangent, List *like) {
    const Description *element = charl_description(like)->element;
    List *made = charl_list_new(charl_description(like), like->length);
    for (int64_t i = 0; made != NULL && i < like->length; i++) {
        int64_t offset = i * element->item_bytes;
        int has = cotangent != NULL && i < cotangent->length;
        void *given = has ? cotangent->items + offset : NULL;
        if (gradient_item(element, made->items + offset, given, like->items + offset) != 0) {
            return NULL;
        }
    }
    return made;
}

/* `given` points to a cotangent, NULL where it is missing. */
static int gradient_item(const Description *type, void *to, void *given, void *like) {
    if (charl_is_deep()) {
        charl_problem(TOO_DEEP);
        return 1;
    }
    if (!has_floats(type)) {
        charl_copy_item(type, to, like);
        return 0;
    }
    void *made;
    switch (type->kind) {
    case LIST:
        made = gradient_of_list(given == NULL ? NULL : *(void **)given, *(void **)like);
        break;
    case BOX:
        made = gradient_of_box(type, given == NULL ? NULL : *(void **)given, *(void **)like);
        break;
    default:
        if (given == NULL) {
            return charl_zero_item(type, to, like);
        }
        if (type->kind == SCALAR) {
            memcpy(to, given, (size_t)type->item_bytes);
            return 0;
        }
        memcpy(to, like, (size_t)type->item_bytes);
        made = *(void **)given;
        charl_retain(made);
    }
    *(void **)to = made;
    return made == NULL;
}

void *charl_gradient_of(const Description *type, void *cotangent, void *like) {
    void *made;
    return gradient_item(type, &made, &cotangent, &like) != 0 ? NULL : made;
}

/* --- And back -------------------------------------------------------------------------------- */

static int cotangent_item(const Description *type, void *to, void *gradient, void *like);

/* The gradient is built otherwise than the value: the host says so. */
static void *other_form(void) { return charl_problem(STATEMENT_FAILED); }

static Cotangent *cotangent_of_box(const Description *type, Box *gradient, Box *like) {
    if (gradient->tag < 0 || like->tag < 0) {
        return charl_no_cotangent_of_box();
    }
    if (gradient->tag != like->tag) {
        return other_form();
    }
    const Variant *variant = &type->variants[like->tag];
    Cotangent *made = new_cotangent(variant->count);
    for (int64_t i = 0; made != NULL && i < variant->count; i++) {
        const Description *field = variant->fields[i];
        int64_t place = type->places[i], *from = gradient->words + place;
        if (has_floats(field)) {
            int64_t item[1 + 64];
            if (cotangent_item(field, item, from, like->words + place) != 0) {
                return NULL;
            }
            made->parts[i] = (Part){field, item[0], charl_item_elements(field, from)};
        }
    }
    return made;
}

static List *cotangent_of_list(List *gradient, List *like) {
    const Description *element = charl_description(like)->element;
    if (gradient->length != like->length) {
        return other_form();
    }
    List *made = charl_list_new(charl_description(like), like->length);
    for (int64_t i = 0; made != NULL && i < like->length; i++) {
        int64_t offset = i * element->item_bytes;
        if (cotangent_item(element, made->items + offset, gradient->items + offset,
                           like->items + offset) != 0) {
            return NULL;
        }
    }
    return made;
}

static int cotangent_item(const Description *type, void *to, void *gradient, void *like) {
    if (charl_is_deep()) {
        charl_problem(TOO_DEEP);
        return 1;
    }
    void *made;
    switch (type->kind) {
    case LIST:
        made = cotangent_of_list(*(void **)gradient, *(void **)like);
        break;
    case BOX:
        made = cotangent_of_box(type, *(void **)gradient, *(void **)like);
        break;
    default:
        charl_copy_item(type, to, gradient);
        return 0;
    }
    *(void **)to = made;
    return made == NULL;
}

void *charl_cotangent_of(const Description *type, void *gradient, void *like) {
    void *made;
    return cotangent_item(type, &made, &gradient, &like) != 0 ? NULL : made;
}
