// Names for addresses: functions from the image's symbols, lines from its debug information where addr2line can be called.
#include "bench.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Elf32_Sym *symbols;
static char *names;
static size_t count, names_size;
static char *image;

void symbols_load(const char *elf, const uint8_t *bytes, size_t size) {
    image = strdup(elf);
    Elf32_Ehdr head;
    memcpy(&head, bytes, sizeof(head));
    if (head.e_shoff == 0 || (size_t)head.e_shoff + (size_t)head.e_shnum * sizeof(Elf32_Shdr) > size) {
        return;
    }
    for (unsigned i = 0; i < head.e_shnum; i++) {
        Elf32_Shdr table, strings;
        memcpy(&table, bytes + head.e_shoff + i * sizeof(table), sizeof(table));
        if (table.sh_type != SHT_SYMTAB || table.sh_link >= head.e_shnum) {
            continue;
        }
        memcpy(&strings, bytes + head.e_shoff + table.sh_link * sizeof(strings), sizeof(strings));
        if ((size_t)table.sh_offset + table.sh_size > size || (size_t)strings.sh_offset + strings.sh_size > size) {
            return;
        }
        count = table.sh_size / sizeof(Elf32_Sym);
        names_size = strings.sh_size;
        symbols = malloc(table.sh_size + 1);
        names = malloc(names_size + 1);
        if (!symbols || !names) {
            fail("no memory for the symbols of %s", elf);
        }
        memcpy(symbols, bytes + table.sh_offset, table.sh_size);
        memcpy(names, bytes + strings.sh_offset, names_size);
        names[names_size] = '\0';
        return;
    }
}

static const char *name_of(const Elf32_Sym *symbol) {
    return symbol->st_name < names_size ? names + symbol->st_name : "";
}

bool symbol_value(const char *name, uint32_t *value) {
    for (size_t i = 0; i < count; i++) {
        if (symbols[i].st_shndx != SHN_UNDEF && strcmp(name_of(&symbols[i]), name) == 0) {
            *value = symbols[i].st_value;
            return true;
        }
    }
    return false;
}

// The line, by the tool chain; empty where there is none.
static void find_line(uint32_t address, char *text, size_t size) {
    char command[1024];
    text[0] = '\0';
    if (!image || strchr(image, '\'') ||
        snprintf(command, sizeof(command), "arm-none-eabi-addr2line -e '%s' 0x%08x 2>/dev/null", image,
            (unsigned)address) >= (int)sizeof(command)) {
        return;
    }
    FILE *pipe = popen(command, "r");
    if (!pipe) {
        return;
    }
    char line[256];
    if (fgets(line, sizeof(line), pipe) && line[0] != '?') {
        line[strcspn(line, "\n")] = '\0';
        const char *file = strrchr(line, '/');
        snprintf(text, size, "%.200s", file ? file + 1 : line);
    }
    pclose(pipe);
}

void symbols_place(uint32_t address, char *text, size_t size) {
    const Elf32_Sym *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const Elf32_Sym *symbol = &symbols[i];
        const uint32_t start = symbol->st_value & ~1u;
        if (ELF32_ST_TYPE(symbol->st_info) == STT_FUNC && start <= address &&
            (address < start + symbol->st_size || symbol->st_size == 0) && (!best || start > (best->st_value & ~1u))) {
            best = symbol;
        }
    }
    char line[256];
    find_line(address, line, sizeof(line));
    snprintf(
        text, size, "%s%s%s%s", best ? name_of(best) : "no function", line[0] ? " (" : "", line, line[0] ? ")" : "");
}
