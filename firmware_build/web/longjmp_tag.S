# The tag by which longjmp() throws: clang refers to it, and zig's C library lacks it.
    .tagtype __c_longjmp i32
    .globl __c_longjmp
__c_longjmp:
