// What the emulator executes at once: instructions from one address on, to the next branch. How many there are; which of them
// want an address that is a multiple of four; which one reads or writes an address (ARMv7-M manual DDI 0403E, A5).
//
// A block's words are looked at once where it lies in the flash, which nobody writes, and each time elsewhere.
#include "bench.h"

enum { HALF_WORDS = FLASH_BYTES / 2, MOST = 1 << 18, MOST_SITES = 1 << 17, IN_ONE = 256 };

static struct block blocks[MOST]; // of the flash; the first is nobody's
static uint32_t block_count = 1, first[HALF_WORDS]; // of those that begin at a half word; 0: none
static struct block_site sites[MOST_SITES];
static uint32_t site_count, unknown_count;

static uint32_t half(uint32_t address) {
    const uint8_t *place = memory_at(address, 2);
    return place ? (uint32_t)(place[0] | place[1] << 8) : 0;
}

static uint32_t length_of(uint32_t hw) {
    return hw >= 0xe800 ? 4 : 2;
}

static unsigned it_length(uint32_t hw) {
    const uint32_t mask = hw & 15;
    if ((hw & 0xff00) != 0xbf00 || mask == 0) {
        return 0;
    }
    return mask & 1 ? 4 : mask & 2 ? 3 : mask & 4 ? 2 : 1;
}

// An access that faults where its address is no multiple of four, whatever CCR.UNALIGN_TRP says (A3.2.1): LDM, STM, LDRD,
// STRD, LDREX, VLDR, VSTR, VLDM. By SP or PC they are aligned.
static bool must_be_aligned(uint32_t hw, uint32_t second) {
    if ((hw & 0xf000) == 0xc000) { // LDM, STM of 16 bits
        return true;
    }
    if (hw < 0xe800) {
        return false;
    }
    const uint32_t base = hw & 15;
    if (base == 13 || base == 15) {
        return false;
    }
    if ((hw & 0xfe40) == 0xe800) { // LDM, STM
        return true;
    }
    if ((hw & 0xfff0) == 0xe8d0 || (hw & 0xfff0) == 0xe8c0) { // a table branch, exclusives of bytes and half words
        return false;
    }
    if ((hw & 0xfe40) == 0xe840) { // LDRD, STRD, exclusives
        return true;
    }
    if ((hw & 0xee00) == 0xec00 && (second & 0x0e00) == 0x0a00) { // VLDR, VSTR, VLDM, VSTM, not VMOV of two
        return (hw & 0x01e0) != 0x0040;
    }
    return false;
}

static unsigned base_of(uint32_t hw) {
    return (hw & 0xf000) == 0xc000 ? hw >> 8 & 7 : hw & 15;
}

// Registers that an instruction may write, one bit each, rather too many than too few. What moves a base on by a multiple of
// four is not counted: for what is asked here it stays what it was.
static uint32_t written_by(uint32_t hw, uint32_t second) {
    const uint32_t low = 1u << (hw & 7), middle = 1u << (hw >> 8 & 7);
    if (hw < 0xe800) {
        switch (hw >> 12) {
            case 2:
            case 3:
            case 9:
            case 10:
                return middle;
            case 4:
                return hw >= 0x4800 ? middle : hw >= 0x4700 ? 0 : low << (hw >= 0x4400 ? hw >> 4 & 8 : 0);
            case 11:
                return (hw & 0xfe00) == 0xbc00 ? hw & 0xff : (hw & 0xff00) == 0xb200 || (hw & 0xff00) == 0xba00 ? low : 0;
            case 12:
                return hw & 0x0800 ? hw & 0xff : 0;
            case 13:
            case 14:
                return 0;
            default:
                return low;
        }
    }
    const uint32_t rt = 1u << (second >> 12), rd = 1u << (second >> 8 & 15), rn = 1u << (hw & 15);
    switch (hw >> 8) {
        case 0xe8:
        case 0xe9:
            if (hw & 0x40) { // LDRD, STRD; exclusives, which write a status too
                return hw & 0x10 || !(hw & 0x120) ? rt | rd | 1u << (second & 15) : 0;
            }
            return hw & 0x10 ? second : 0;
        case 0xea:
        case 0xeb:
            return rd;
        case 0xec:
        case 0xed:
            return (hw & 0xffe0) == 0xec40 ? rt | rn : 0;
        case 0xee:
            return second & 0x10 ? rt : 0;
        case 0xf8:
        case 0xf9:
            return rt | (!(hw & 0x80) && (second & 0x800) ? rn : 0);
        case 0xfa:
        case 0xfb:
            return rd | rt;
        case 0xfe:
            return 0; // VSEL, VRINT, VCVT
        default:
            return hw >= 0xf800 ? 0xffffu : rd | rt; // of branches too: more than they write
    }
}

static unsigned look(struct block *block, struct block_site *found, unsigned in_it) {
    uint32_t changed = 0; // since the block's begin
    unsigned count = 0, kept = 0;
    block->count = 0;
    for (uint32_t at = block->address; at - block->address < block->bytes; block->count++) {
        const uint32_t hw = half(at), second = half(at + 2), now = written_by(hw, second);
        for (unsigned i = 0; i < count; i++) {
            if (found[i].when == BLOCK_END && (now >> found[i].base & 1)) {
                found[i].when = BLOCK_UNKNOWN;
            }
        }
        if (in_it) { // perhaps it is not executed
            in_it--;
        } else {
            in_it = it_length(hw);
            if (must_be_aligned(hw, second) && count < IN_ONE) {
                const unsigned base = base_of(hw);
                found[count++] = (struct block_site){(uint16_t)(at - block->address), (uint8_t)base,
                    !(changed >> base & 1) ? BLOCK_BEGIN : !(now >> base & 1) ? BLOCK_END : BLOCK_UNKNOWN};
            }
        }
        changed |= now;
        at += length_of(hw);
    }
    for (unsigned i = 0; i < count; i++) {
        if (found[i].when != BLOCK_UNKNOWN) {
            found[kept++] = found[i];
        }
    }
    unknown_count += count - kept;
    return kept;
}

const struct block *block_at(uint32_t address, uint32_t bytes) {
    static struct block other;
    static struct block_site of_other[IN_ONE];
    const uint32_t offset = address - FLASH_BASE;
    if (__builtin_expect(offset < FLASH_BYTES, 1)) {
        for (uint32_t i = first[offset / 2]; i; i = blocks[i].next) {
            if (blocks[i].bytes == bytes) {
                return &blocks[i];
            }
        }
    }
    const bool kept = offset < FLASH_BYTES && block_count < MOST && site_count + IN_ONE <= MOST_SITES;
    struct block *block = kept ? &blocks[block_count] : &other;
    block->address = address;
    block->bytes = bytes;
    block->sites = kept ? &sites[site_count] : of_other;
    block->site_count = look(block, kept ? &sites[site_count] : of_other, cpu_in_it());
    if (kept) {
        site_count += block->site_count;
        block->next = first[offset / 2];
        first[offset / 2] = block_count++;
    }
    return block;
}

void block_report(void) {
    report_line("alignment: %u of %u instructions that want words are watched without --strict", (unsigned)site_count,
        (unsigned)(site_count + unknown_count));
}

unsigned block_behind(const struct block *block, uint32_t address) {
    unsigned behind = 0;
    for (uint32_t at = block->address; at - block->address < block->bytes; at += length_of(half(at))) {
        behind += at > address;
    }
    return behind;
}

bool block_must_be_aligned(uint32_t address) {
    return must_be_aligned(half(address), half(address + 2));
}

// ---- which instruction reads or writes an address ----

static uint32_t moved(uint32_t base, uint32_t by, bool up) {
    return up ? base + by : base - by;
}

static unsigned ones(uint32_t word) {
    unsigned count = 0;
    for (; word; word &= word - 1) {
        count++;
    }
    return count;
}

// Where an access begins, and how many bytes it has at most; 0: it is none of those that peripherals get.
static uint32_t accessed(uint32_t hw, uint32_t second, bool *write, uint32_t *begin) {
    const uint32_t rn = hw < 0xe800 ? hw >> 3 & 7 : hw & 15;
    *write = hw < 0xe800 ? !(hw & 0x0800) : !(hw & 0x10);
    switch (hw >> 12) {
        case 5: // by a register: STR, STRH, STRB, LDRSB, LDR, LDRH, LDRB, LDRSH
            *write = (hw >> 9 & 7) < 3;
            *begin = cpu_general(rn) + cpu_general(hw >> 6 & 7);
            return 4;
        case 6:
            *begin = cpu_general(rn) + (hw >> 6 & 31) * 4;
            return 4;
        case 7:
            *begin = cpu_general(rn) + (hw >> 6 & 31);
            return 1;
        case 8:
            *begin = cpu_general(rn) + (hw >> 6 & 31) * 2;
            return 2;
        case 12:
            *begin = cpu_general(hw >> 8 & 7);
            return 4 * ones(hw & 0xff);
        case 14:
            if ((hw & 0xfe40) == 0xe840) { // LDRD, STRD, exclusives
                *begin = moved(cpu_general(rn), hw & 0x100 ? (second & 0xff) * 4 : 0, hw & 0x80);
                return 8;
            }
            if ((hw & 0xfe40) == 0xe800) { // LDM, STM
                const uint32_t bytes = 4 * ones(second);
                *begin = cpu_general(rn) - (hw & 0x100 ? bytes : 0);
                return bytes;
            }
            if ((hw & 0xef00) == 0xed00) { // VLDR, VSTR
                *begin = moved(cpu_general(rn), (second & 0xff) * 4, hw & 0x80);
                return 8;
            }
            return 0;
        case 15:
            if ((hw & 0xfe00) != 0xf800 || rn == 15) {
                return 0;
            }
            if (hw & 0x80) {
                *begin = cpu_general(rn) + (second & 0xfff);
            } else if (second & 0x800) {
                *begin = moved(cpu_general(rn), second & 0x400 ? second & 0xff : 0, second & 0x200);
            } else {
                *begin = cpu_general(rn) + (cpu_general(second & 15) << (second >> 4 & 3));
            }
            return 4;
        default:
            return 0;
    }
}

uint32_t block_access(const struct block *block, uint32_t address, bool write) {
    for (uint32_t at = block->address; at - block->address < block->bytes; at += length_of(half(at))) {
        bool writes;
        uint32_t begin;
        const uint32_t bytes = accessed(half(at), half(at + 2), &writes, &begin);
        if (bytes && writes == write && address - (begin & ~3u) < bytes + (begin & 3)) {
            return at;
        }
    }
    return block->address;
}
