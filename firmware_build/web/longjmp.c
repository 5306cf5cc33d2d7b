// What clang turns setjmp() and longjmp() into, by WebAssembly's exceptions; zig's C library does not link it. The three
// functions are those of LLVM's convention for -wasm-enable-sjlj.
#include <stddef.h>
#include <stdint.h>

void __wasm_setjmp(void *buffer, uint32_t label, void *invocation);
uint32_t __wasm_setjmp_test(void *buffer, void *invocation);
void __wasm_longjmp(void *buffer, int value);

// At the start of a jmp_buf: the call of a function that setjmp() was called in and where, and what is thrown.
struct jump {
    void *invocation;
    uint32_t label;
    struct thrown {
        void *buffer;
        int value;
    } thrown;
};

void __wasm_setjmp(void *buffer, uint32_t label, void *invocation) {
    struct jump *const jump = buffer;
    jump->invocation = invocation;
    jump->label = label;
}

// The label where this call is the one, else 0.
uint32_t __wasm_setjmp_test(void *buffer, void *invocation) {
    const struct jump *const jump = buffer;
    return jump->invocation == invocation ? jump->label : 0;
}

void __wasm_longjmp(void *buffer, int value) {
    struct jump *const jump = buffer;
    jump->thrown.buffer = buffer;
    jump->thrown.value = value == 0 ? 1 : value;
    __builtin_wasm_throw(1, &jump->thrown); // 1: the tag of longjmp_tag.S
}
