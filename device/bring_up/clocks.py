"""The clock tree, from its registers, and the core's clock, measured."""

import time

from bring_up.outcomes import Failed

HSE_KHZ = 25000

# Addresses and fields: ST's stm32h747xx.h (CMSIS); meanings: reference manual RM0399.
REGISTERS = {
    "RCC_CFGR": 0x58024410,
    "RCC_D1CFGR": 0x58024418,
    "RCC_PLLCKSELR": 0x58024428,
    "RCC_PLLCFGR": 0x5802442C,
    "RCC_PLL1DIVR": 0x58024430,
    "RCC_PLL2DIVR": 0x58024438,
    "RCC_PLL3DIVR": 0x58024440,
    "RCC_D1CCIPR": 0x5802444C,
    "PWR_CR3": 0x5802480C,
    "PWR_D3CR": 0x58024818,
    "FMC_SDCR1": 0x52004140,
    "FMC_SDCR2": 0x52004144,
    "FMC_SDTR1": 0x52004148,
    "FMC_SDTR2": 0x5200414C,
    "FMC_SDRTR": 0x52004154,
    "QUADSPI_CR": 0x52005000,
    "FLASH_OPTSR_CUR": 0x5200201C,
    "DBGMCU_IDCODE": 0x5C001000,
}


def field(value, low, bits):
    return value >> low & (1 << bits) - 1


def pll_khz(selr, divr, number):
    """Outputs p, q, r of a PLL that HSE feeds, kHz; its fraction not counted."""
    divider = field(selr, 8 * number - 4, 6)
    if field(selr, 0, 2) != 2 or not divider:
        return None
    vco = HSE_KHZ * (field(divr, 0, 9) + 1) // divider
    return {
        "p": vco // (field(divr, 9, 7) + 1),
        "q": vco // (field(divr, 16, 7) + 1),
        "r": vco // (field(divr, 24, 7) + 1),
    }


def memory_clocks(registers):
    """What the registers make of the clocks of SDRAM and QSPI flash, kHz."""
    selr = registers["RCC_PLLCKSELR"]
    plls = [pll_khz(selr, registers["RCC_PLL%dDIVR" % n], n) for n in (1, 2, 3)]
    hpre = field(registers["RCC_D1CFGR"], 0, 4)
    # 0xxx: 1; 1000 to 1111: 2, 4, 8, 16, 64, 128, 256, 512
    ahb = (2, 4, 8, 16, 64, 128, 256, 512)[hpre - 8] if hpre & 8 else 1
    cpre = field(registers["RCC_D1CFGR"], 8, 4)
    cpu = (2, 4, 8, 16, 64, 128, 256, 512)[cpre - 8] if cpre & 8 else 1
    core = plls[0]["p"] // cpu if plls[0] and field(registers["RCC_CFGR"], 3, 3) == 3 else None
    hclk = core // ahb if core else None
    sources = [hclk, plls[0] and plls[0]["q"], plls[1] and plls[1]["r"], None]
    names = ["HCLK", "PLL1 Q", "PLL2 R", "PER"]
    fmc, qspi = field(registers["RCC_D1CCIPR"], 0, 2), field(registers["RCC_D1CCIPR"], 4, 2)
    divider = field(registers["FMC_SDCR1"], 10, 2)
    sdram = sources[fmc] // divider if sources[fmc] and divider > 1 else None
    count = field(registers["FMC_SDRTR"], 1, 13)
    return {
        "core_khz": core,
        "hclk_khz": hclk,
        "pll2_khz": plls[1],
        "pll3_khz": plls[2],
        "fmc_source": names[fmc],
        "fmc_khz": sources[fmc],
        "sdram_khz": sdram,
        "sdram_cas": field(registers["FMC_SDCR2"], 7, 2),
        "sdram_refresh_ns": (count + 20) * 1000000 // sdram if sdram else None,
        "qspi_source": names[qspi],
        "qspi_khz": sources[qspi] // (field(registers["QUADSPI_CR"], 24, 8) + 1)
        if sources[qspi]
        else None,
        "m4_boots": bool(field(registers["FLASH_OPTSR_CUR"], 22, 1)),
    }


def clocks(test):
    """The clock tree, read from the registers, and the core's clock, measured."""
    mem32 = test.mem32()
    registers = {name: mem32[address] & 0xFFFFFFFF for name, address in REGISTERS.items()}
    found = memory_clocks(registers)
    found["registers"] = {name: "0x%08x" % value for name, value in registers.items()}
    found["measured_core_khz"] = measured_core_khz(test)
    if found["sdram_khz"]:
        test.say(
            "The SDRAM runs at %d kHz, CAS %d, a row is refreshed every %d ns."
            % (found["sdram_khz"], found["sdram_cas"], found["sdram_refresh_ns"])
        )
    # What this firmware sets; upstream's dividers would give 24000 (hardware notes, unconfirmed).
    wanted = {"fmc_source": "PLL2 R", "sdram_khz": 100000, "sdram_cas": 3, "qspi_khz": 50000}
    wrong = [
        "%s: want %s, got %s" % (name, value, found[name])
        for name, value in sorted(wanted.items())
        if found[name] != value
    ]
    if found["sdram_refresh_ns"] and found["sdram_refresh_ns"] > 15625:
        wrong.append("sdram_refresh_ns: want 15625 at most, got %d" % found["sdram_refresh_ns"])
    if wrong:
        raise Failed("; ".join(wrong), found)
    return found


def measured_core_khz(test):
    cycles = test.cycle_counter()
    if cycles is None:
        return None
    begun, first = time.ticks_us(), cycles()
    while time.ticks_diff(time.ticks_us(), begun) < 100000:
        pass  # the counter stands still while the core sleeps
    last, passed = cycles(), time.ticks_diff(time.ticks_us(), begun)
    return ((last - first) & 0xFFFFFFFF) * 1000 // passed
