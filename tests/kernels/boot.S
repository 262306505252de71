/* boot.S -- the first sector of a disk: reads what lies behind it to 0x7e00, and goes there in
 * 64-bit mode, with all vector registers on.
 *
 * Memory: page tables from 0x1000 on, the stack below 0x7c00, the program from 0x7e00 on. Mapped,
 * to themselves, are the first 2 MiB without the pages around PAGE, which lies between them. There
 * are no handlers: who touches one of those ends the emulation.
 */
#define TABLES   0x1000
#define PROGRAM  0x7e00
#define SECTORS  64
#define PAGE     0x80000
#define PRESENT  3 /* and may be written */

        .code16
        .section .boot, "ax"
        .globl  _start
_start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movb    $0x42, %ah              /* read by number of sector, from the disk in dl */
        movw    $packet, %si
        int     $0x13
        jc      stop

        /* Four tables, one below the other; the last has single pages. */
        movw    $TABLES, %di
        movw    $4 * 4096 / 2, %cx
        xorw    %ax, %ax
        rep stosw
        movl    $TABLES + 0x1000 + PRESENT, TABLES
        movl    $TABLES + 0x2000 + PRESENT, TABLES + 0x1000
        movl    $TABLES + 0x3000 + PRESENT, TABLES + 0x2000
        movw    $TABLES + 0x3000, %di
        movl    $PRESENT, %eax
1:      movl    %eax, (%di)
        addl    $0x1000, %eax
        addw    $8, %di
        cmpl    $0x200000, %eax
        jb      1b
        movb    $0, TABLES + 0x3000 + (PAGE / 4096 - 1) * 8
        movb    $0, TABLES + 0x3000 + (PAGE / 4096 + 1) * 8

        movl    $TABLES, %eax
        movl    %eax, %cr3
        movl    $0x40620, %eax          /* PAE, FXSR, XMM exceptions, XSAVE */
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx       /* EFER: long mode */
        rdmsr
        orw     $0x100, %ax
        wrmsr
        lgdt    descriptor
        movl    $0x80000003, %eax       /* paging, protection, and no emulation of vectors */
        movl    %eax, %cr0
        ljmp    $8, $long

stop:   hlt
        jmp     stop

        .code64
long:
        xorl    %ecx, %ecx
        xgetbv
        orl     $0xe6, %eax             /* SSE, AVX, and the three parts of AVX-512 */
        xsetbv
        movl    $PAGE, %edi
        call    bare_main
1:      hlt
        jmp     1b

packet: .byte   16, 0
        .word   SECTORS, PROGRAM, 0     /* how many, and to where */
        .quad   1                       /* from where */
segments:
        .quad   0
        .quad   0x00209a0000000000      /* code of 64 bits */
descriptor:
        .word   descriptor - segments - 1
        .long   segments
        .org    510
        .word   0xaa55
