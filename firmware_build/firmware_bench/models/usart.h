// USART1 (RM0399, "USART"), as far as a polled transmitter and a receiver by interrupt or polling need it. Its FIFOs
// (FIFOEN) differ from none in nothing that is modelled: flags 5 and 7 say "not empty" and "not full". No DMA.
#ifndef FIRMWARE_BENCH_USART_H
#define FIRMWARE_BENCH_USART_H

#include "../model.h"

model_t *usart1_model(void);

// The line: a byte to receive or -1, asked when the receiver is on and a character's time has passed; and one that is sent.
extern int (*usart_take)(void);
extern void (*usart_give)(uint8_t byte);

// When the next byte can come, so that who skips time does not skip it; UINT64_MAX: nobody receives.
uint64_t usart_next_ns(void);

#endif
