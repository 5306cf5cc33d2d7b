// Memories of the STM32H747 and its board (RM0399 2.3, memory map), and the image in them.
#include "bench.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct bank {
    const char *name;
    uint32_t base, bytes, rights;
    uint8_t *memory;
};

static struct bank banks[] = {
    {"ITCM", 0x00000000u, 0x10000u, UC_PROT_ALL, NULL},
    {"flash", FLASH_BASE, FLASH_BYTES, UC_PROT_READ | UC_PROT_EXEC, NULL},
    {"system memory", 0x1ff00000u, 0x20000u, UC_PROT_READ, NULL},
    {"DTCM", 0x20000000u, 0x20000u, UC_PROT_ALL, NULL},
    {"AXI SRAM", 0x24000000u, 0x80000u, UC_PROT_ALL, NULL},
    {"SRAM1 to SRAM3", 0x30000000u, 0x48000u, UC_PROT_READ | UC_PROT_WRITE, NULL},
    {"SRAM4", 0x38000000u, 0x10000u, UC_PROT_READ | UC_PROT_WRITE, NULL},
    {"backup SRAM", 0x38800000u, 0x1000u, UC_PROT_READ | UC_PROT_WRITE, NULL},
    {"SDRAM", SDRAM_BASE, SDRAM_BYTES, UC_PROT_READ | UC_PROT_WRITE, NULL},
};
enum { FLASH = 1, SYSTEM = 2, SDRAM = 8, BANKS = sizeof(banks) / sizeof(banks[0]) };

static bool sdram_ready;
static uc_hook no_sdram; // what watches its addresses while it is not ready

static void map(const struct bank *bank) {
    const uc_err error = uc_mem_map_ptr(uc, bank->base, bank->bytes, bank->rights, bank->memory);
    if (error != UC_ERR_OK) {
        fail("%s cannot be mapped: %s", bank->name, uc_strerror(error));
    }
}

void memory_map(void) {
    for (unsigned i = 0; i < BANKS; i++) {
        struct bank *bank = &banks[i];
        bank->memory = mmap(NULL, bank->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (bank->memory == MAP_FAILED) {
            fail("no memory for %s: %u bytes", bank->name, (unsigned)bank->bytes);
        }
        if (i != SDRAM) {
            map(bank);
        }
    }
    uint32_t gap = 0;
    for (unsigned i = 0; i < BANKS; i++) { // they stand in the order of their addresses
        if (banks[i].rights & UC_PROT_WRITE) {
            if (banks[i].base > gap) {
                cpu_watch(gap, banks[i].base - 1);
            }
            gap = banks[i].base + banks[i].bytes;
        }
    }
    cpu_watch(gap, 0xffffffffu);
    no_sdram = cpu_watch(SDRAM_BASE, SDRAM_BASE + SDRAM_BYTES - 1);
    memset(banks[FLASH].memory, 0xff, FLASH_BYTES);
    memset(banks[SYSTEM].memory, 0xff, banks[SYSTEM].bytes);
    // Unique device id (RM0399 64.1) and flash size in kB (64.2).
    static const uint32_t id[3] = {0x00250033u, 0x3137510au, 0x33383230u};
    memcpy(banks[SYSTEM].memory + 0x1e800, id, sizeof(id));
    static const uint16_t kilobytes = 2048;
    memcpy(banks[SYSTEM].memory + 0x1e880, &kilobytes, sizeof(kilobytes));
}

// After power-on RAM holds anything. Always the same here, so that a run can be repeated.
void memory_power_on(void) {
    for (unsigned i = 0; i < BANKS; i++) {
        if (i == FLASH || i == SYSTEM) {
            continue;
        }
        uint32_t *words = (uint32_t *)(void *)banks[i].memory, state = 0x9e3779b9u ^ banks[i].base;
        for (uint32_t w = 0; w < banks[i].bytes / 4; w++) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            words[w] = state;
        }
    }
}

uint8_t *memory_at(uint32_t address, uint32_t size) {
    for (unsigned i = 0; i < BANKS; i++) {
        const uint32_t offset = address - banks[i].base;
        if (offset < banks[i].bytes) {
            return size <= banks[i].bytes - offset && (i != SDRAM || sdram_ready) ? banks[i].memory + offset : NULL;
        }
    }
    return NULL;
}

bool memory_holds_programs(uint32_t address) {
    for (unsigned i = 0; i < BANKS; i++) {
        if (address - banks[i].base < banks[i].bytes) {
            return banks[i].rights & UC_PROT_EXEC;
        }
    }
    return false;
}

uint32_t memory_word(uint32_t address) {
    const uint8_t *place = memory_at(address, 4);
    uint32_t word = 0;
    if (place) {
        memcpy(&word, place, 4);
    }
    return word;
}

bool memory_sdram_ready(void) {
    return sdram_ready;
}

void memory_sdram(bool ready) {
    if (ready == sdram_ready) {
        return;
    }
    sdram_ready = ready;
    if (ready) {
        cpu_unwatch(no_sdram);
        map(&banks[SDRAM]);
    } else {
        no_sdram = cpu_watch(SDRAM_BASE, SDRAM_BASE + SDRAM_BYTES - 1);
        uc_mem_unmap(uc, SDRAM_BASE, SDRAM_BYTES);
    }
}

// ---- the image ----

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fail("%s cannot be read", path);
    }
    const long bytes = ftell(file);
    rewind(file);
    uint8_t *data = malloc(bytes > 0 ? (size_t)bytes : 1);
    if (bytes < 0 || !data || fread(data, 1, (size_t)bytes, file) != (size_t)bytes) {
        fail("%s cannot be read", path);
    }
    fclose(file);
    *size = (size_t)bytes;
    return data;
}

void memory_load(const char *path) {
    size_t size;
    uint8_t *data = read_file(path, &size);
    Elf32_Ehdr head;
    if (size < sizeof(head) || memcmp(data, ELFMAG, SELFMAG) != 0 || data[EI_CLASS] != ELFCLASS32 ||
        data[EI_DATA] != ELFDATA2LSB) {
        fail("%s is no ELF file of 32 bits", path);
    }
    memcpy(&head, data, sizeof(head));
    if (head.e_machine != EM_ARM || (size_t)head.e_phoff + (size_t)head.e_phnum * sizeof(Elf32_Phdr) > size) {
        fail("%s is no whole image for Arm", path);
    }
    uint32_t loaded = 0;
    for (unsigned i = 0; i < head.e_phnum; i++) {
        Elf32_Phdr part;
        memcpy(&part, data + head.e_phoff + i * sizeof(part), sizeof(part));
        if (part.p_type != PT_LOAD || part.p_filesz == 0) {
            continue;
        }
        // As it is written to the flash: at its load address.
        if (part.p_paddr < FLASH_BASE || part.p_paddr - FLASH_BASE > FLASH_BYTES ||
            part.p_filesz > FLASH_BYTES - (part.p_paddr - FLASH_BASE) || (size_t)part.p_offset + part.p_filesz > size) {
            fail("%s: %u bytes at 0x%08x lie outside the flash (2 MB at 0x08000000)", path, (unsigned)part.p_filesz,
                (unsigned)part.p_paddr);
        }
        memcpy(banks[FLASH].memory + (part.p_paddr - FLASH_BASE), data + part.p_offset, part.p_filesz);
        loaded += part.p_filesz;
    }
    if (loaded == 0) {
        fail("%s holds nothing for the flash", path);
    }
    symbols_load(path, data, size);
    free(data);
}
