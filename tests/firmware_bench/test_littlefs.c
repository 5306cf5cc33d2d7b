// littlefs on the models of the QUADSPI and of the flash, with commands as the port's driver sends them. Power fails in every
// program and every erasure in turn; afterwards the disk mounts, a file is its old or its new version, and no other is touched.
//
//     test_littlefs SEED: prints how many operations there are and how often power failed in one. Exit 0: nothing was lost.
#include "fake_bench.h"
#include "models/nor_flash.h"
#include "models/quadspi.h"

#include "lfs2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CR = 0, DCR = 4, SR = 8, FCR = 0xc, DLR = 0x10, CCR = 0x14, AR = 0x18, ABR = 0x1c, DR = 0x20, TCF = 2 };
enum { BLOCK = 4096, BLOCKS = 24, VERSIONS = 4, BYTES = 5000 };

static model_t *qspi;

static void set(uint32_t offset, uint32_t value) {
    qspi->write(qspi, offset, 4, value);
}

static void wait_for(uint32_t flag) {
    while (!(qspi->read(qspi, SR, 4) & flag)) {
        wait_ns(qspi, 200);
    }
    set(FCR, TCF);
}

static void controller_on(void) {
    qspi->power_on(qspi);
    set(CR, 3 << 24 | 3 << 8 | 1);
    set(DCR, 23 << 16 | 1 << 8);
}

static void write_enable(void) {
    set(CCR, 1 << 8 | 0x06);
    wait_for(TCF);
}

static int wait_ready(void) {
    for (;;) {
        if (nor_is_off()) {
            return LFS2_ERR_IO;
        }
        set(DLR, 0);
        set(CCR, 1 << 26 | 1 << 24 | 1 << 8 | 0x05);
        wait_for(TCF);
        if (!(qspi->read(qspi, DR, 1) & 1)) {
            return 0;
        }
        wait_ns(qspi, 100000);
    }
}

static int flash_read(const struct lfs2_config *c, lfs2_block_t block, lfs2_off_t off, void *buffer, lfs2_size_t size) {
    (void)c;
    if (nor_is_off()) {
        return LFS2_ERR_IO;
    }
    set(DLR, size - 1);
    set(CCR, 1 << 26 | 3u << 24 | 8 << 18 | 3 << 14 | 2 << 12 | 3 << 10 | 1 << 8 | 0xeb);
    set(ABR, 0);
    set(AR, block * BLOCK + off);
    for (lfs2_size_t i = 0; i < size; i++) {
        ((uint8_t *)buffer)[i] = (uint8_t)qspi->read(qspi, DR, 1);
    }
    set(FCR, TCF);
    return 0;
}

static int flash_prog(
    const struct lfs2_config *c, lfs2_block_t block, lfs2_off_t off, const void *buffer, lfs2_size_t size) {
    (void)c;
    const uint8_t *bytes = buffer;
    for (uint32_t at = block * BLOCK + off; size > 0;) {
        lfs2_size_t part = NOR_PAGE - at % NOR_PAGE;
        part = part < size ? part : size;
        write_enable();
        set(DLR, part - 1);
        set(CCR, 1 << 24 | 2 << 12 | 1 << 10 | 1 << 8 | 0x02);
        set(AR, at);
        for (lfs2_size_t i = 0; i < part; i++) {
            qspi->write(qspi, DR, 1, bytes[i]);
        }
        wait_for(TCF);
        if (wait_ready() != 0) {
            return LFS2_ERR_IO;
        }
        at += part;
        bytes += part;
        size -= part;
    }
    return 0;
}

static int flash_erase(const struct lfs2_config *c, lfs2_block_t block) {
    (void)c;
    write_enable();
    set(CCR, 2 << 12 | 1 << 10 | 1 << 8 | 0x20);
    set(AR, block * BLOCK);
    wait_for(TCF);
    return wait_ready();
}

static int flash_sync(const struct lfs2_config *c) {
    (void)c;
    return nor_is_off() ? LFS2_ERR_IO : 0;
}

static const struct lfs2_config config = {// as VfsLfs2 has it, but for a small disk
    .read = flash_read,
    .prog = flash_prog,
    .erase = flash_erase,
    .sync = flash_sync,
    .read_size = 32,
    .prog_size = 32,
    .block_size = BLOCK,
    .block_count = BLOCKS,
    .block_cycles = 100,
    .cache_size = 128,
    .lookahead_size = 32};

static uint8_t letter(unsigned version, unsigned i) {
    return (uint8_t)(version * 31 + i * 7 + i / 256);
}

static int store(lfs2_t *disk, const char *name, unsigned version) {
    static uint8_t bytes[BYTES];
    for (unsigned i = 0; i < BYTES; i++) {
        bytes[i] = letter(version, i);
    }
    lfs2_file_t file;
    int error = lfs2_file_open(disk, &file, "new", LFS2_O_WRONLY | LFS2_O_CREAT | LFS2_O_TRUNC);
    if (error == 0) {
        error = lfs2_file_write(disk, &file, bytes, BYTES) == BYTES ? 0 : LFS2_ERR_IO;
        const int closed = lfs2_file_close(disk, &file);
        error = error ? error : closed;
    }
    return error ? error : lfs2_rename(disk, "new", name);
}

// The version that a file holds, whole; 0: there is none. Anything else is lost.
static unsigned stored(lfs2_t *disk, const char *name) {
    static uint8_t bytes[BYTES + 1];
    lfs2_file_t file;
    if (lfs2_file_open(disk, &file, name, LFS2_O_RDONLY) != 0) {
        return 0;
    }
    CHECK(lfs2_file_read(disk, &file, bytes, BYTES + 1) == BYTES);
    CHECK(lfs2_file_close(disk, &file) == 0);
    for (unsigned version = 1; version <= 100; version++) {
        unsigned i = 0;
        while (i < BYTES && bytes[i] == letter(version, i)) {
            i++;
        }
        if (i == BYTES) {
            return version;
        }
    }
    CHECK(!"a file that was never written");
    return 0;
}

int main(int argc, char **argv) {
    qspi = quadspi_model();
    const uint32_t seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    unsigned cuts = 0;
    for (uint64_t cut = 1;; cut++) {
        nor_options = (struct nor_options){0};
        nor_new();
        controller_on();
        lfs2_t disk;
        memset(&disk, 0, sizeof(disk));
        CHECK(lfs2_format(&disk, &config) == 0);
        CHECK(lfs2_mount(&disk, &config) == 0);
        CHECK(store(&disk, "kept", 99) == 0);
        const uint64_t before = nor_operations();
        nor_options.cut_at = before + cut;
        nor_options.seed = seed * 1000003u + (uint32_t)cut;
        unsigned whole = 0;
        while (whole < VERSIONS && store(&disk, "model", whole + 1) == 0) {
            whole++;
        }
        clean(); // of what a flash without power was sent
        if (!nor_is_off()) {
            CHECK(whole == VERSIONS && cut > 1 && cut == nor_operations() - before + 1);
            printf("%u operations, power failed in each\n", cuts);
            break;
        }
        cuts++;
        lfs2_unmount(&disk);
        nor_options.cut_at = 0;
        controller_on();
        clean();
        memset(&disk, 0, sizeof(disk));
        CHECK(lfs2_mount(&disk, &config) == 0);
        CHECK(stored(&disk, "kept") == 99);
        const unsigned found = stored(&disk, "model");
        CHECK(found == whole || found == whole + 1);
        CHECK(store(&disk, "model", VERSIONS + 1) == 0); // and goes on
        CHECK(stored(&disk, "model") == VERSIONS + 1 && stored(&disk, "kept") == 99);
        CHECK(lfs2_unmount(&disk) == 0);
        CLEAN(); // no rule of the flash was broken
    }
    nor_free();
    return 0;
}
