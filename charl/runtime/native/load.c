/* Puts a relocatable object into memory: a linker for the one object that a program is.
 *
 * A program that was compiled before starts without LLVM (a library of 170 MB that takes a fifth of
 * a second to load): its object file is laid out in one mapping, and its references are
 * resolved. That is little work, since the object is alone: what it does not define itself is found
 * in this library, the C library, or among the addresses that the host gives.
 *
 * Only ELF for x86-64 is known; for anything else the caller has LLVM do it. The object comes from
 * our compiler or from a file whose checksum was right, so that its tables are believed, apart from
 * what would make the loop run outside the object.
 *
 * Sources: System V ABI, AMD64 supplement 1.0 (relocation types, section 4.4).
 */
#include "charl.h"

#if defined(__linux__) && defined(__x86_64__)

#include <dlfcn.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A jump to an address anywhere: `jmp *(%rip)`, and the address behind it. */
enum { STUB = 16 };

typedef struct {
    const unsigned char *object;
    const Elf64_Shdr *sections;
    const Elf64_Sym *symbols;
    const char *names;
    int64_t section_count, symbol_count;
    uint64_t *offsets;  /* of each section in the mapping */
    uint64_t *targets;  /* the address of each symbol */
    unsigned char *memory;
    uint64_t stubs, table; /* offsets of a stub and of an address for each symbol */
} Object;

static uint64_t aligned(uint64_t offset, uint64_t to) {
    return to > 1 ? (offset + to - 1) / to * to : offset;
}

static int is_loaded(const Elf64_Shdr *section) {
    return (section->sh_flags & SHF_ALLOC) &&
           (section->sh_type == SHT_PROGBITS || section->sh_type == SHT_NOBITS);
}

static int is_code(const Elf64_Shdr *section) { return (section->sh_flags & SHF_EXECINSTR) != 0; }

static int find_tables(Object *o, int64_t size) {
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)o->object;
    if ((uint64_t)size < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64 ||
        header->e_type != ET_REL ||
        header->e_shoff + (uint64_t)header->e_shnum * sizeof(Elf64_Shdr) > (uint64_t)size) {
        return 0;
    }
    o->sections = (const Elf64_Shdr *)(const void *)(o->object + header->e_shoff);
    o->section_count = header->e_shnum;
    for (int64_t i = 0; i < o->section_count; i++) {
        const Elf64_Shdr *section = &o->sections[i];
        if (section->sh_type != SHT_NOBITS &&
            section->sh_offset + section->sh_size > (uint64_t)size) {
            return 0;
        }
        if (section->sh_type == SHT_SYMTAB) {
            o->symbols = (const Elf64_Sym *)(const void *)(o->object + section->sh_offset);
            o->symbol_count = (int64_t)(section->sh_size / sizeof(Elf64_Sym));
            o->names = (const char *)(o->object + o->sections[section->sh_link].sh_offset);
        }
    }
    return o->symbols != NULL;
}

/* Code first, with the stubs behind it; the rest from the next page on. The size of the whole. */
static uint64_t lay_out(Object *o, uint64_t page, uint64_t *code_size) {
    uint64_t at = 0;
    for (int part = 0; part < 2; part++) {
        for (int64_t i = 0; i < o->section_count; i++) {
            const Elf64_Shdr *section = &o->sections[i];
            if (is_loaded(section) && is_code(section) == (part == 0)) {
                at = aligned(at, section->sh_addralign);
                o->offsets[i] = at;
                at += section->sh_size;
            }
        }
        if (part == 0) {
            o->stubs = at = aligned(at, STUB);
            at = aligned(at + (uint64_t)o->symbol_count * STUB, page);
            *code_size = at;
        }
    }
    o->table = at = aligned(at, 8);
    return aligned(at + (uint64_t)o->symbol_count * 8, page);
}

static void *outside(const char *name, void *library, const Symbol *imports, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (strcmp(name, imports[i].name) == 0) {
            return imports[i].address;
        }
    }
    void *found = dlsym(library, name);
    return found != NULL ? found : dlsym(RTLD_DEFAULT, name);
}

static int find_symbols(Object *o, void *library, const Symbol *imports, int64_t count) {
    for (int64_t i = 1; i < o->symbol_count; i++) {
        const Elf64_Sym *symbol = &o->symbols[i];
        if (symbol->st_shndx == SHN_UNDEF) {
            const char *name = o->names + symbol->st_name;
            o->targets[i] = (uint64_t)(uintptr_t)outside(name, library, imports, count);
            if (o->targets[i] == 0 && ELF64_ST_BIND(symbol->st_info) != STB_WEAK) {
                return 0;
            }
        } else if (symbol->st_shndx == SHN_ABS) {
            o->targets[i] = symbol->st_value;
        } else if (symbol->st_shndx < o->section_count &&
                   ELF64_ST_TYPE(symbol->st_info) != STT_TLS) {
            uint64_t place = o->offsets[symbol->st_shndx] + symbol->st_value;
            o->targets[i] = (uint64_t)(uintptr_t)o->memory + place;
        } else {
            return 0; /* common, of a thread, or in more sections than fit: LLVM knows how */
        }
        unsigned char *stub = o->memory + o->stubs + i * STUB;
        memcpy(stub, "\xff\x25\x00\x00\x00\x00", 6);
        memcpy(stub + 6, &o->targets[i], 8);
        memcpy(o->memory + o->table + i * 8, &o->targets[i], 8);
    }
    return 1;
}

static int put32(unsigned char *place, int64_t value) {
    int32_t narrow = (int32_t)value;
    memcpy(place, &narrow, 4);
    return narrow == value;
}

static int relocate(const Object *o, unsigned char *place, const Elf64_Rela *relocation) {
    int64_t symbol = (int64_t)ELF64_R_SYM(relocation->r_info);
    if (symbol >= o->symbol_count) {
        return 0;
    }
    uint64_t addend = (uint64_t)relocation->r_addend;
    uint64_t here = (uint64_t)(uintptr_t)place, base = (uint64_t)(uintptr_t)o->memory;
    uint64_t target = o->targets[symbol] + addend, value;
    uint64_t entry = o->table + (uint64_t)symbol * 8;
    switch (ELF64_R_TYPE(relocation->r_info)) {
    case R_X86_64_NONE:
        return 1;
    case R_X86_64_64:
        value = target;
        break;
    case R_X86_64_PC64:
        value = target - here;
        break;
    case R_X86_64_GOT64: /* the table of addresses begins at `table` */
        value = (uint64_t)symbol * 8 + addend;
        break;
    case R_X86_64_GOTOFF64:
        value = target - (base + o->table);
        break;
    case R_X86_64_GOTPC64:
        value = base + o->table + addend - here;
        break;
    case R_X86_64_PC32:
        return put32(place, (int64_t)(target - here));
    case R_X86_64_PLT32:
        if ((int64_t)(target - here) != (int32_t)(target - here)) {
            target = base + o->stubs + (uint64_t)symbol * STUB + addend;
        }
        return put32(place, (int64_t)(target - here));
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX:
        return put32(place, (int64_t)(base + entry + addend - here));
    default:
        return 0;
    }
    memcpy(place, &value, 8);
    return 1;
}

static int relocate_all(const Object *o) {
    for (int64_t i = 0; i < o->section_count; i++) {
        const Elf64_Shdr *table = &o->sections[i];
        if ((table->sh_type != SHT_RELA && table->sh_type != SHT_REL) ||
            table->sh_info >= o->section_count || !is_loaded(&o->sections[table->sh_info])) {
            continue; /* of a section that stays behind: unwinding, debugging */
        }
        if (table->sh_type == SHT_REL) {
            return 0;
        }
        const Elf64_Rela *first = (const Elf64_Rela *)(const void *)(o->object + table->sh_offset);
        const Elf64_Shdr *section = &o->sections[table->sh_info];
        for (uint64_t n = 0; n < table->sh_size / sizeof *first; n++) {
            unsigned char *place = o->memory + o->offsets[table->sh_info] + first[n].r_offset;
            if (first[n].r_offset >= section->sh_size || !relocate(o, place, &first[n])) {
                return 0;
            }
        }
    }
    return 1;
}

static void find_exports(const Object *o, Symbol *exports, int64_t count) {
    for (int64_t n = 0; n < count; n++) {
        exports[n].address = NULL;
        for (int64_t i = 1; i < o->symbol_count; i++) {
            const Elf64_Sym *symbol = &o->symbols[i];
            if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL &&
                strcmp(o->names + symbol->st_name, exports[n].name) == 0) {
                exports[n].address = (void *)(uintptr_t)o->targets[i];
            }
        }
    }
}

int64_t charl_load(const unsigned char *object, int64_t size, void *library, const Symbol *imports,
                   int64_t import_count, Symbol *exports, int64_t export_count, void **memory) {
    Object o = {.object = object};
    int64_t loaded = -1;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), code = 0;
    if (!find_tables(&o, size)) {
        return -1;
    }
    o.offsets = calloc((size_t)o.section_count, sizeof *o.offsets);
    o.targets = calloc((size_t)o.symbol_count, sizeof *o.targets);
    if (o.offsets == NULL || o.targets == NULL) {
        goto done;
    }
    uint64_t whole = lay_out(&o, page, &code);
    o.memory = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (o.memory == MAP_FAILED) {
        goto done;
    }
    for (int64_t i = 0; i < o.section_count; i++) {
        const Elf64_Shdr *section = &o.sections[i];
        if (is_loaded(section) && section->sh_type == SHT_PROGBITS && section->sh_size > 0) {
            memcpy(o.memory + o.offsets[i], object + section->sh_offset, section->sh_size);
        }
    }
    if (!find_symbols(&o, library, imports, import_count) ||
        !relocate_all(&o) || mprotect(o.memory, code, PROT_READ | PROT_EXEC) != 0) {
        munmap(o.memory, whole);
        goto done;
    }
    find_exports(&o, exports, export_count);
    *memory = o.memory;
    loaded = (int64_t)whole;
done:
    free(o.offsets);
    free(o.targets);
    return loaded;
}

void charl_unload(void *memory, int64_t bytes) { munmap(memory, (size_t)bytes); }

#else

int64_t charl_load(const unsigned char *object, int64_t size, void *library, const Symbol *imports,
                   int64_t import_count, Symbol *exports, int64_t export_count, void **memory) {
    (void)object, (void)size, (void)library, (void)imports, (void)import_count;
    (void)exports, (void)export_count, (void)memory;
    return -1;
}

void charl_unload(void *memory, int64_t bytes) { (void)memory, (void)bytes; }

#endif
