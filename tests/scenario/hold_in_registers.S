/* hold_in_registers.S -- references that are nowhere but in callee-saved registers.
 *
 * void hold_in_registers(uintptr_t words[5], void (*const steps[3])(void *), void *argument);
 *
 * Turns the five words over (bitwise not) into five callee-saved registers, calls the three steps
 * one after the other, and stores the registers, turned over again, into the words. In between no
 * memory that this function owns holds the words turned over.
 */
#if defined(__x86_64__)

        .text
        .globl  hold_in_registers
        .type   hold_in_registers, @function
hold_in_registers:
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        subq    $24, %rsp
        movq    %rdi, (%rsp)
        movq    %rsi, 8(%rsp)
        movq    %rdx, 16(%rsp)
        movq    (%rdi), %rbx
        movq    8(%rdi), %r12
        movq    16(%rdi), %r13
        movq    24(%rdi), %r14
        movq    32(%rdi), %r15
        notq    %rbx
        notq    %r12
        notq    %r13
        notq    %r14
        notq    %r15
        movq    %rdx, %rdi
        call    *(%rsi)
        movq    8(%rsp), %rsi
        movq    16(%rsp), %rdi
        call    *8(%rsi)
        movq    8(%rsp), %rsi
        movq    16(%rsp), %rdi
        call    *16(%rsi)
        movq    (%rsp), %rdi
        notq    %rbx
        notq    %r12
        notq    %r13
        notq    %r14
        notq    %r15
        movq    %rbx, (%rdi)
        movq    %r12, 8(%rdi)
        movq    %r13, 16(%rdi)
        movq    %r14, 24(%rdi)
        movq    %r15, 32(%rdi)
        addq    $24, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   hold_in_registers, . - hold_in_registers

#elif defined(__aarch64__)

        .text
        .globl  hold_in_registers
        .type   hold_in_registers, @function
hold_in_registers:
        .cfi_startproc
        stp     x29, x30, [sp, #-96]!
        .cfi_def_cfa_offset 96
        .cfi_offset x29, -96
        .cfi_offset x30, -88
        mov     x29, sp
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        str     x23, [sp, #48]
        stp     x0, x1, [sp, #64]
        str     x2, [sp, #80]
        ldp     x19, x20, [x0]
        ldp     x21, x22, [x0, #16]
        ldr     x23, [x0, #32]
        mvn     x19, x19
        mvn     x20, x20
        mvn     x21, x21
        mvn     x22, x22
        mvn     x23, x23
        mov     x0, x2
        ldr     x9, [x1]
        blr     x9
        ldr     x9, [sp, #72]
        ldr     x0, [sp, #80]
        ldr     x9, [x9, #8]
        blr     x9
        ldr     x9, [sp, #72]
        ldr     x0, [sp, #80]
        ldr     x9, [x9, #16]
        blr     x9
        ldr     x0, [sp, #64]
        mvn     x19, x19
        mvn     x20, x20
        mvn     x21, x21
        mvn     x22, x22
        mvn     x23, x23
        stp     x19, x20, [x0]
        stp     x21, x22, [x0, #16]
        str     x23, [x0, #32]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldr     x23, [sp, #48]
        ldp     x29, x30, [sp], #96
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   hold_in_registers, . - hold_in_registers

#endif

        .section .note.GNU-stack, "", %progbits
