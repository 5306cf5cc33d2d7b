#include "gpio.h"

#include <stddef.h>
#include <string.h>

// RM0399, "GPIO registers".
enum { MODER = 0x00, OTYPER = 0x04, PUPDR = 0x0c, IDR = 0x10, ODR = 0x14, BSRR = 0x18, LCKR = 0x1c, SIZE = 0x400 };

struct port {
    model_t model;
    unsigned number;
    uint32_t registers[0x28 / 4];
};
static struct port ports[GPIO_PORTS];
#define R(offset) port->registers[(offset) / 4]

void (*gpio_outside)(unsigned port, uint16_t *driven, uint16_t *levels);
void (*gpio_changed)(unsigned port);

static void changed(const struct port *port) {
    if (gpio_changed) {
        gpio_changed(port->number);
    }
}

bool gpio_drives(unsigned number, unsigned pin, bool *level) {
    struct port *port = &ports[number];
    *level = R(ODR) >> pin & 1;
    return (R(MODER) >> (2 * pin) & 3) == 1 && !(*level && (R(OTYPER) >> pin & 1));
}

// A pin's level: what drives it, here or outside, else its pull resistor. In analogue mode it reads 0 (RM, "Analog configuration").
static uint32_t levels_of(struct port *port) {
    uint16_t driven = 0, outside = 0;
    if (gpio_outside) {
        gpio_outside(port->number, &driven, &outside);
    }
    uint32_t value = 0;
    for (unsigned pin = 0; pin < 16; pin++) {
        bool level;
        const unsigned mode = R(MODER) >> (2 * pin) & 3, pull = R(PUPDR) >> (2 * pin) & 3;
        if (!gpio_drives(port->number, pin, &level)) {
            level = driven >> pin & 1 ? outside >> pin & 1 : pull == 1;
        }
        if (mode != 3 && level) {
            value |= 1u << pin;
        }
    }
    return value;
}

static uint32_t read_port(model_t *model, uint32_t offset, unsigned size) {
    struct port *port = (struct port *)(void *)model;
    (void)size;
    if (offset >= sizeof(port->registers)) {
        bench_violation("%s: read at 0x%02x, where no register is", model->name, (unsigned)offset);
        return 0;
    }
    const uint32_t at = offset & ~3u, word = at == IDR ? levels_of(port) : at == BSRR ? 0 : R(at);
    return word >> 8 * (offset & 3) & (size == 4 ? ~0u : (1u << 8 * size) - 1);
}

static void write_port(model_t *model, uint32_t offset, unsigned size, uint32_t value) {
    struct port *port = (struct port *)(void *)model;
    if (offset >= sizeof(port->registers) || offset / 4 == IDR / 4) {
        bench_violation("%s: write at 0x%02x, where nothing can be written", model->name, (unsigned)offset);
        return;
    }
    const uint32_t at = offset & ~3u, mask = (size == 4 ? ~0u : (1u << 8 * size) - 1) << 8 * (offset & 3);
    value = value << 8 * (offset & 3) & mask;
    if (at == BSRR) { // both bits: set wins (RM, GPIOx_BSRR)
        R(ODR) = (R(ODR) & ~(value >> 16)) | (value & 0xffff);
    } else {
        R(at) = (R(at) & ~mask) | value;
        R(ODR) &= 0xffff;
    }
    changed(port);
}

static void reset_port(model_t *model) {
    struct port *port = (struct port *)(void *)model;
    memset(port->registers, 0, sizeof(port->registers));
    R(MODER) = port->number == 0 ? 0xabffffffu : port->number == 1 ? 0xfffffebfu : 0xffffffffu;
    R(0x08) = port->number == 0 ? 0x0c000000u : port->number == 1 ? 0x000000c0u : 0;
    R(PUPDR) = port->number == 0 ? 0x64000000u : port->number == 1 ? 0x00000100u : 0;
    changed(port);
}

model_t *gpio_model(unsigned number) {
    static const char *const names[GPIO_PORTS] = {
        "GPIOA", "GPIOB", "GPIOC", "GPIOD", "GPIOE", "GPIOF", "GPIOG", "GPIOH", "GPIOI", "GPIOJ", "GPIOK"};
    struct port *port = &ports[number];
    port->number = number;
    port->model = (model_t){.name = names[number],
        .base = 0x58020000u + 0x400u * number,
        .size = SIZE,
        .read = read_port,
        .write = write_port,
        .reset = reset_port};
    return &port->model;
}
