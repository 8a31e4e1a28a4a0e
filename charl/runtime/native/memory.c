/* Memory for tensors, lists, strings and the like.
 *
 * Small blocks come in size classes, each with a list of free blocks, cut from chunks; large ones
 * come from the system and are kept on free lists too, since a program that needs a size once needs
 * it again at the next step, and fresh pages from the system cost more than the arithmetic done in
 * them. The largest lie on huge pages where the system has them. `charl_reset` forgets everything at
 * once, which is what happens after each run, however it ended; some large blocks of the run are
 * then spared for the next.
 *
 *     | links (48 bytes) | references | bytes | data ...
 *                                             ^ 64 bytes aligned
 *
 * What is in use is counted as it was asked for; the classes round that up. A block knows where in
 * the program it was made, so that a program that runs out of memory can tell what takes it.
 */
#include "values.h"

#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

/* Under AddressSanitizer what is free must not be touched, here as with `free`. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(place, bytes) ((void)(place), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(place, bytes) ((void)(place), (void)(bytes))
#endif

enum { HUGE_PAGE = 1 << 21, MOST_SPARED = 1 << 26 };
enum { LINE = 64, SHORT = 256, FRONT = LINE };
enum { CLASSES = 160, CHUNK = 1 << 20, LARGEST_CHUNKED = 1 << 15 };

typedef struct Block {
    union {
        struct Block *next_free; /* of a block that is not in use */
        int64_t asked;           /* the bytes of one that is */
    };
    struct Block *next_large, *previous_large;
    int32_t size_class;
    int32_t site; /* of the program that made it; NO_TENSOR, or OF_CALLER for an argument */
    int64_t number; /* of a host object; -1 for anything else */
    const Description *description; /* NULL where nothing else is held */
    Header header;
} Block;

typedef struct Chunk {
    struct Chunk *next;
    char *used; /* where its last block ends, once another chunk is begun */
    char padding[48];
} Chunk;

_Static_assert(sizeof(Block) == FRONT, "the front of a block");
_Static_assert(sizeof(Chunk) == FRONT, "the front of a chunk");

static Block *free_blocks[CLASSES];
static Chunk *chunks, *spare_chunks;
static char *chunk_place, *chunk_end;
static Block *large_blocks, *spare_blocks; /* spare ones: by `next_free` */
static int64_t in_use, peak, reserved;
static int64_t tensors, most_tensors; /* the bytes of tensors among them */

static int64_t *dropped;
static int64_t dropped_count, dropped_room;

/* The class of a size and the bytes that blocks of the class have: four classes for every power of
 * two, so that at most a fifth is wasted. */
static int class_of(int64_t bytes, int64_t *room) {
    if (bytes <= 256) {
        int64_t units = bytes <= 64 ? 1 : (bytes + 63) / 64;
        *room = units * 64;
        return (int)units - 1;
    }
    int power = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
    int64_t quarter = (int64_t)1 << (power - 2);
    int64_t steps = (bytes - ((int64_t)1 << power) + quarter - 1) >> (power - 2);
    *room = ((int64_t)1 << power) + steps * quarter;
    return 4 + (power - 8) * 4 + (int)steps - 1;
}

static Block *from_chunk(int64_t room) {
    int64_t needed = FRONT + room;
    if (chunk_end - chunk_place < needed) {
        Chunk *chunk = spare_chunks;
        if (chunk != NULL) {
            spare_chunks = chunk->next;
        } else {
            chunk = aligned_alloc(64, CHUNK);
            if (chunk == NULL) {
                return NULL;
            }
            reserved += CHUNK;
        }
        if (chunks != NULL) {
            chunks->used = chunk_place;
        }
        chunk->next = chunks;
        chunks = chunk;
        chunk_place = (char *)chunk + FRONT;
        chunk_end = (char *)chunk + CHUNK;
    }
    Block *block = (Block *)chunk_place;
    chunk_place += needed;
    return block;
}

static void unlink_large(Block *block) {
    if (block->next_large != NULL) {
        block->next_large->previous_large = block->previous_large;
    }
    if (block->previous_large != NULL) {
        block->previous_large->next_large = block->next_large;
    } else {
        large_blocks = block->next_large;
    }
}

/* Gives what is not in use back to the system. */
static void give_back(void) {
    int64_t room;
    for (int class = class_of(LARGEST_CHUNKED + 1, &room); class < CLASSES; class++) {
        while (free_blocks[class] != NULL) {
            Block *block = free_blocks[class];
            free_blocks[class] = block->next_free;
            unlink_large(block);
            reserved -= FRONT + block->header.bytes;
            free(block);
        }
    }
    while (spare_blocks != NULL) {
        Block *next = spare_blocks->next_free;
        free(spare_blocks);
        spare_blocks = next;
    }
}

static Block *spared(int64_t room) {
    for (Block **place = &spare_blocks; *place != NULL; place = &(*place)->next_free) {
        Block *block = *place;
        if (block->header.bytes == room) {
            *place = block->next_free;
            return block;
        }
    }
    return NULL;
}

static Block *fresh(int64_t room) {
    if (room < HUGE_PAGE) {
        return aligned_alloc(64, (size_t)(FRONT + room));
    }
    void *block = aligned_alloc(HUGE_PAGE, (size_t)(FRONT + room));
#ifdef MADV_HUGEPAGE
    if (block != NULL) { /* what does not fill a huge page is not to take one */
        madvise(block, (size_t)((FRONT + room) / HUGE_PAGE * HUGE_PAGE), MADV_HUGEPAGE);
    }
#endif
    return block;
}

static Block *from_system(int64_t room) {
    Block *block = spared(room);
    if (block == NULL) {
        block = fresh(room);
    }
    if (block == NULL) {
        give_back();
        block = aligned_alloc(64, (size_t)(FRONT + room));
        if (block == NULL) {
            return NULL;
        }
    }
    block->previous_large = NULL;
    block->next_large = large_blocks;
    if (large_blocks != NULL) {
        large_blocks->previous_large = block;
    }
    large_blocks = block;
    reserved += FRONT + room;
    return block;
}

/* Fills in the front of a block that is about to be used; what it is used for. */
static inline void *begin_use(Block *block, int64_t bytes, int32_t site) {
    block->asked = bytes;
    block->site = site;
    block->number = -1;
    block->description = NULL;
    block->header.references = 1;
    in_use += bytes;
    if (in_use > peak) {
        peak = in_use;
    }
    if (site != NO_TENSOR) {
        tensors += bytes;
        if (tensors > most_tensors) {
            most_tensors = tensors;
        }
    }
    return (char *)block + FRONT;
}

__attribute__((noinline)) static void *allocate_fresh(int64_t bytes, int32_t site) {
    int64_t room;
    int class = class_of(bytes, &room);
    Block *block = room <= LARGEST_CHUNKED ? from_chunk(room) : from_system(room);
    if (block == NULL) {
        return NULL;
    }
    ASAN_UNPOISON_MEMORY_REGION((char *)block + FRONT, room);
    block->size_class = class;
    block->header.bytes = room;
    return begin_use(block, bytes, site);
}

/* A block that was freed before, if there is one: programs ask for the same sizes again and again,
 * and this way calls nothing, so that no registers are saved. */
static inline void *allocate(int64_t bytes, int32_t site) {
    if (bytes < 0 || bytes > ((int64_t)1 << 47)) {
        return NULL;
    }
    int64_t room;
    int class = class_of(bytes, &room);
    Block *block = free_blocks[class];
    if (block == NULL) {
        return allocate_fresh(bytes, site);
    }
    free_blocks[class] = block->next_free;
    ASAN_UNPOISON_MEMORY_REGION((char *)block + FRONT, room);
    return begin_use(block, bytes, site);
}

void *charl_allocate(int64_t bytes) { return allocate(bytes, NO_TENSOR); }
void *charl_tensor(int64_t bytes, int32_t site) { return allocate(bytes, site); }

static void drop(int64_t number) {
    if (dropped_count == dropped_room) {
        int64_t room = dropped_room ? 2 * dropped_room : 1024;
        int64_t *grown = realloc(dropped, (size_t)room * sizeof *dropped);
        if (grown == NULL) {
            return; /* the host keeps the object until the run ends */
        }
        dropped = grown;
        dropped_room = room;
    }
    dropped[dropped_count++] = number;
}

static Block *block_of(const void *pointer) { return (Block *)((char *)pointer - FRONT); }

/* Puts a block that nobody holds on the list of what is to be freed. */
static void give_up(Block *block, Block **pending) {
    in_use -= block->asked;
    tensors -= block->site != NO_TENSOR ? block->asked : 0;
    block->next_free = *pending;
    *pending = block;
}

/* Lets go of a part; the last to do so gives it up. */
static void let_go(int64_t pointer, Block **pending) {
    Block *block = block_of((void *)pointer);
    if (--block->header.references == 0) {
        give_up(block, pending);
    }
}

static void let_go_items(const Description *type, List *list, Block **pending) {
    if (list->items == NULL) {
        return;
    }
    if (type->kind != SCALAR) {
        char *item = list->items;
        for (int64_t i = 0; i < list->length; i++, item += type->item_bytes) {
            let_go(*(int64_t *)item, pending);
        }
    }
    let_go((int64_t)list->items, pending);
}

static void let_go_parts(Block *block, Block **pending) {
    const Description *type = block->description;
    void *object = (char *)block + FRONT;
    switch (type->kind) {
    case LIST:
        let_go_items(type->element, object, pending);
        break;
    case BOX: {
        Box *box = object;
        if (box->tag < 0) {
            break;
        }
        const Variant *variant = &type->variants[box->tag];
        for (int64_t i = 0; i < variant->count; i++) {
            if (variant->fields[i]->kind != SCALAR) {
                let_go(box->words[type->places[i]], pending);
            }
        }
        break;
    }
    case COTANGENT: {
        Cotangent *cotangent = object;
        for (int64_t i = 0; i < cotangent->count; i++) {
            Part *part = &cotangent->parts[i];
            if (part->type != NULL && part->type->kind != SCALAR) {
                let_go(part->word, pending);
            }
        }
        break;
    }
    }
}

static void set_free(Block *block) {
    ASAN_POISON_MEMORY_REGION((char *)block + FRONT, block->header.bytes);
    block->next_free = free_blocks[block->size_class];
    free_blocks[block->size_class] = block;
}

/* What is to be freed is threaded on a list through its own blocks: a chain of any length takes no
 * stack. Apart from `charl_free`, which then saves no registers for a tensor. */
__attribute__((noinline)) static void free_with_parts(Block *whole) {
    Block *pending = NULL;
    give_up(whole, &pending);
    while (pending != NULL) {
        Block *block = pending;
        pending = block->next_free;
        if (block->number >= 0) {
            drop(block->number);
        }
        if (block->description != NULL) {
            let_go_parts(block, &pending);
        }
        set_free(block);
    }
}

void charl_free(void *pointer) {
    Block *block = block_of(pointer);
    if (block->site == NO_TENSOR) {
        free_with_parts(block);
        return;
    }
    in_use -= block->asked;
    tensors -= block->asked;
    set_free(block);
}

void *charl_object(int64_t bytes, const Description *description) {
    void *object = charl_allocate(bytes);
    if (object == NULL) {
        return charl_problem(NO_MEMORY);
    }
    block_of(object)->description = description;
    return object;
}

void *charl_twin(const void *pointer, int64_t bytes) {
    char *twin = allocate(block_of(pointer)->asked, NO_TENSOR);
    if (twin == NULL) {
        return charl_problem(NO_MEMORY);
    }
    if (bytes <= SHORT) { /* whole lines, which both blocks have */
        for (int64_t i = 0; i < bytes; i += LINE) {
            memcpy(twin + i, (const char *)pointer + i, LINE);
        }
    } else {
        memcpy(twin, pointer, (size_t)bytes);
    }
    return twin;
}

const Description *charl_description(const void *object) { return block_of(object)->description; }
int64_t charl_room(const void *object) { return block_of(object)->header.bytes; }
void charl_retain(void *object) { block_of(object)->header.references++; }

void charl_release(void *object) {
    if (--block_of(object)->header.references == 0) {
        charl_free(object);
    }
}

void *charl_host_object(int64_t number) {
    char *pointer = charl_allocate(8);
    if (pointer != NULL) {
        ((Block *)(pointer - FRONT))->number = number;
        memcpy(pointer, &number, sizeof number);
    }
    return pointer;
}

int64_t charl_host_dropped(int64_t *numbers, int64_t most) {
    int64_t count = dropped_count < most ? dropped_count : most;
    dropped_count -= count;
    memcpy(numbers, dropped + dropped_count, (size_t)count * sizeof *numbers);
    return count;
}

static int is_live_tensor(const Block *block) {
    return block->header.references > 0 && block->site != NO_TENSOR;
}

/* Enters a tensor among the largest, which are in order. */
static int64_t rank_in(const Block *block, int64_t *found, int64_t count, int64_t most) {
    int64_t place = count < most ? count : most;
    while (place > 0 && found[2 * place - 1] < block->asked) {
        if (place < most) {
            memcpy(found + 2 * place, found + 2 * place - 2, 2 * sizeof *found);
        }
        place--;
    }
    if (place < most) {
        found[2 * place] = block->site;
        found[2 * place + 1] = block->asked;
    }
    return count < most ? count + 1 : most;
}

int64_t charl_largest_tensors(int64_t *found, int64_t most) {
    int64_t count = 0;
    for (const Block *block = large_blocks; block != NULL; block = block->next_large) {
        if (is_live_tensor(block)) {
            count = rank_in(block, found, count, most);
        }
    }
    for (const Chunk *chunk = chunks; chunk != NULL; chunk = chunk->next) {
        const char *place = (const char *)chunk + FRONT;
        const char *end = chunk == chunks ? chunk_place : chunk->used;
        while (place < end) {
            const Block *block = (const Block *)place;
            if (is_live_tensor(block)) {
                count = rank_in(block, found, count, most);
            }
            place += FRONT + block->header.bytes;
        }
    }
    return count;
}

/* Spares blocks of this run in place of those that it had no use for. */
static void spare_large_blocks(void) {
    while (spare_blocks != NULL) {
        Block *next = spare_blocks->next_free;
        free(spare_blocks);
        spare_blocks = next;
    }
    int64_t bytes = 0;
    while (large_blocks != NULL) {
        Block *block = large_blocks;
        large_blocks = block->next_large;
        if (bytes + block->header.bytes <= MOST_SPARED) {
            bytes += block->header.bytes;
            ASAN_POISON_MEMORY_REGION((char *)block + FRONT, block->header.bytes);
            block->next_free = spare_blocks;
            spare_blocks = block;
        } else {
            free(block);
        }
    }
}

void charl_reset(void) {
    spare_large_blocks();
    while (chunks != NULL) {
        Chunk *next = chunks->next;
        if (spare_chunks == NULL) {
            ASAN_UNPOISON_MEMORY_REGION(chunks, CHUNK);
            chunks->next = NULL;
            spare_chunks = chunks;
        } else {
            free(chunks);
        }
        chunks = next;
    }
    chunk_place = chunk_end = NULL;
    memset(free_blocks, 0, sizeof free_blocks);
    in_use = peak = tensors = most_tensors = dropped_count = 0;
    reserved = spare_chunks != NULL ? CHUNK : 0;
}

int64_t charl_memory_now(void) { return in_use; }
int64_t charl_memory_peak(void) { return peak; }
int64_t charl_tensors_now(void) { return tensors; }
int64_t charl_tensors_peak(void) { return most_tensors; }
int64_t charl_memory_reserved(void) { return reserved; }
