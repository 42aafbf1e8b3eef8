; Exceptions and their delivery. See lib/cases.inc for what a case is.
%include "cases.inc"

%define APIC 0xfee00000

; --- each vector ---------------------------------------------------------------------------------------------------
	CASE32 "#DE div", ALL
	xor ecx, ecx
	xor edx, edx
	div ecx
	ENDCASE
	CASE32 "#DE overflow", ALL
	mov edx, 1
	mov ecx, 1
	div ecx
	ENDCASE
	CASE32 "#DE idiv of the smallest", ALL
	mov eax, 0x80000000
	cdq
	or ecx, -1
	idiv ecx
	ENDCASE
	LINE32 "#DE aam 0", ALL32, aam 0
	CASE32 "#DB single step", ALL
	pushf
	or dword [esp], 0x100
	popf
	nop
	nop
	ENDCASE
	CASE32 "#DB single step is put off behind mov ss", ALL
	mov eax, ss
	pushf
	or dword [esp], 0x100
	popf
	mov ss, eax
	nop
	nop
	ENDCASE
	CASE32 "#DB single step of int n stays with the handler", K64|K32
	SETUP
	GATE 0x40, %$handler, 0xee, 0
	BODY
	pushf
	or dword [esp], 0x100
	popf
	int 0x40
	nop
	bits 64
%$handler:
	mov r8, [rsp + 16] ; the saved flags have TF
	pushfq
	pop rdx
	int DONE
	ENDCASE
	LINE32 "#DB int1", ALL, db 0xf1
	CASE "#DB execute", ALL64
	SETUP
	mov rax, %$at
	mov dr0, rax
	mov rax, %$at + UOFS
	mov dr1, rax
	mov eax, 0x40a
	mov dr7, rax
	BODY
	nop
%$at:
	nop
	ENDCASE
	CASE "#DB execute, resumed by RF", K64
	SETUP
	mov rax, %$at
	mov dr0, rax
	mov eax, 0x402
	mov dr7, rax
	GATE 1, %$handler, 0x8e, 0
	xor r8d, r8d
	BODY
	nop
%$at:
	inc ecx
	nop
	int DONE
%$handler:
	inc edx
	mov r8, [rsp + 16]
	or dword [rsp + 16], 0x10000
	iretq
	ENDCASE
	CASE "RF in the frame of a fault", ALL64
	SETUP
	GATE 6, %$handler, 0x8e, 1
	BODY
	ud2
%$handler:
	mov r8, [rsp + 16]
	int DONE
	ENDCASE
	CASE "RF in the frame of a trap", ALL64
	SETUP
	GATE 3, %$handler, 0xee, 1
	BODY
	int3
%$handler:
	mov r8, [rsp + 16]
	int DONE
	ENDCASE
	CASE "#DB write", ALL64
	SETUP
	mov eax, TV
	mov dr2, rax
	mov eax, 0x0d000420
	mov dr7, rax
	BODY
	mov eax, [rbx]
	mov [rbx + 4], eax
	mov [rbx + 3], eax
	nop
	ENDCASE
	CASE "#DB read or write of a byte", ALL64
	SETUP
	mov eax, TV + 5
	mov dr3, rax
	mov eax, 0x30000480
	mov dr7, rax
	BODY
	mov eax, [rbx]
	mov rax, [rbx]
	nop
	ENDCASE
	CASE "#DB of 8 bytes", ALL64
	SETUP
	mov eax, TV + 8
	mov dr0, rax
	mov eax, 0x000b0402
	mov dr7, rax
	BODY
	mov eax, [rbx + 4]
	mov eax, [rbx + 15]
	nop
	ENDCASE
	CASE "#DB port", K64
	SETUP
	mov rax, cr4
	or eax, 8
	mov cr4, rax
	mov eax, 0x80
	mov dr1, rax
	mov eax, 0x00200408
	mov dr7, rax
	BODY
	mov eax, 0
	out 0x81, al
	out 0x80, al
	nop
	ENDCASE
	CASE "#DB read in the shadow of mov ss", K64
	SETUP
	mov eax, TV
	mov dr0, rax
	mov dword [rax], KDATA
	mov eax, 0x00030402
	mov dr7, rax
	BODY
	mov ss, [rbx]
	nop
	nop
	ENDCASE
	CASE "#DB general detect", K64
	SETUP
	mov eax, 0x2400
	mov dr7, rax
	BODY
	mov rax, dr0
	ENDCASE
	CASE "#DB matches without enabling show in no exception", K64
	SETUP
	mov eax, TV
	mov dr2, rax
	mov eax, 0x0d000400
	mov dr7, rax
	BODY
	mov [rbx], eax
	ENDCASE
	LINE32 "#BP int3", ALL|K16|U16, int3
	LINE32 "#BP int 3", ALL, db 0xcd, 3
	CASE32 "#OF into", ALL32
	mov al, 0x7f
	inc al
	into
	ENDCASE
	LINE32 "into without OF", ALL32, into
	LINE "#UD into in 64-bit mode", ALL64, db 0xce
	CASE32 "#BR bound", ALL32
	mov dword [ebx], 5
	mov dword [ebx + 4], 7
	mov eax, 7
	bound eax, [ebx]
	inc eax
	bound eax, [ebx]
	ENDCASE
	LINE32 "#UD ud2", ALL, ud2
	LINE32 "#UD ud1", ALL, db 0x0f, 0xb9, 0xc0
	LINE32 "#UD lock on a register", ALL, db 0xf0, 0x01, 0xc0
	LINE32 "#UD lock mov", ALL, db 0xf0, 0x89, 0x03
	LINE32 "#UD mov cs", ALL, db 0x8e, 0xc8
	LINE "#UD in 64-bit mode: push es", ALL64, db 0x06
	LINE "#UD in 64-bit mode: daa", ALL64, db 0x27
	LINE "#UD in 64-bit mode: pusha", ALL64, db 0x60
	LINE "#UD in 64-bit mode: aam", ALL64, db 0xd4, 0x0a
	LINE "#UD in 64-bit mode: jmp far", ALL64, db 0xea, 0, 0, 0, 0, 8, 0
	LINE "#UD in 64-bit mode: salc", ALL64, db 0xd6
%macro WITH_CR0 1
	SETUP
	mov rax, cr0
	or rax, %1
	mov cr0, rax
	BODY
%endmacro
	CASE32 "#NM ts x87", ALL
	WITH_CR0 8
	fld1
	ENDCASE
	CASE32 "#NM ts sse", ALL
	WITH_CR0 8
	addps xmm0, xmm1
	ENDCASE
	CASE32 "#NM ts mmx", ALL
	WITH_CR0 8
	paddb mm0, mm1
	ENDCASE
	CASE32 "#NM ts mp wait", ALL
	WITH_CR0 8
	fwait
	ENDCASE
	CASE32 "ts without mp: wait is allowed", ALL
	SETUP
	mov rax, cr0
	and eax, ~2
	or eax, 8
	mov cr0, rax
	BODY
	fwait
	ENDCASE
	CASE32 "ts: integer instructions of sse are allowed", ALL
	WITH_CR0 8
	movnti [ebx], eax
	lfence
	prefetcht0 [ebx]
	ENDCASE
	CASE32 "#NM em x87", ALL
	WITH_CR0 4
	fld1
	ENDCASE
	CASE32 "#UD em sse", ALL
	WITH_CR0 4
	addps xmm0, xmm1
	ENDCASE
	CASE32 "#UD em mmx", ALL
	WITH_CR0 4
	paddb mm0, mm1
	ENDCASE
	CASE32 "#UD sse without osfxsr", ALL
	SETUP
	mov eax, 0x20
	mov cr4, rax
	BODY
	addps xmm0, xmm1
	ENDCASE
	CASE32 "#MF at the next x87 instruction", ALL
	fninit
	push 0x340
	fldcw [esp]
	fld1
	fldz
	fdivp st1
	nop
	fwait
	ENDCASE
	CASE32 "#MF not at fnstsw", ALL
	fninit
	push 0x340
	fldcw [esp]
	fld1
	fldz
	fdivp st1
	fnstsw ax
	fnclex
	fwait
	ENDCASE
%macro WITH_AC 0
	pushf
	or dword [esp], 0x40000
	popf
%endmacro
	CASE32 "#AC", ALL
	WITH_CR0 0x40000
	WITH_AC
	mov eax, [ebx + 4]
	mov ax, [ebx + 2]
	mov eax, [ebx + 2]
	ENDCASE
	CASE32 "#AC of a word", ALL
	WITH_CR0 0x40000
	WITH_AC
	mov [ebx + 7], ax
	ENDCASE
	CASE "#AC of a quadword", ALL64
	WITH_CR0 0x40000
	WITH_AC
	mov rax, [rbx + 4]
	ENDCASE
	CASE32 "no #AC without am", ALL
	WITH_AC
	mov eax, [ebx + 1]
	ENDCASE
	CASE32 "#GP movaps misaligned", ALL
	movaps xmm0, [ebx + 16]
	movaps xmm0, [ebx + 8]
	ENDCASE
	CASE32 "#XM", ALL
	push 0x1d80 ; division by zero unmasked
	ldmxcsr [esp]
	pxor xmm0, xmm0
	pxor xmm1, xmm1
	pcmpeqd xmm2, xmm2
	psrld xmm2, 25
	pslld xmm2, 23
	divps xmm2, xmm0
	ENDCASE
	CASE32 "#UD without osxmmexcpt", ALL
	SETUP
	mov eax, 0x220
	mov cr4, rax
	BODY
	push 0x1d80
	ldmxcsr [esp]
	pxor xmm0, xmm0
	pcmpeqd xmm2, xmm2
	psrld xmm2, 25
	pslld xmm2, 23
	divps xmm2, xmm0
	ENDCASE

; --- #GP, #SS, #PF of addresses --------------------------------------------------------------------------------------
	CASE "#GP not canonical", ALL64
	mov rax, 0x0000800000000000
	mov rcx, [rax]
	ENDCASE
	CASE "#GP not canonical in its last byte", ALL64
	mov rax, 0x00007ffffffffffd
	mov ecx, [rax]
	ENDCASE
	CASE "#SS not canonical through rbp", ALL64
	mov rbp, 0x0000800000000000
	mov rcx, [rbp]
	ENDCASE
	CASE "#SS push", ALL64
	mov rsp, 0x0000800000000008
	push rax
	ENDCASE
	CASE "#SS rbp with ds", ALL64
	mov rbp, 0x0000800000000000
	db 0x3e
	mov rcx, [rbp]
	ENDCASE
	CASE "#GP rax with ss", ALL64 ; prefixes of ES, CS, SS and DS mean nothing
	mov rax, 0x0000800000000000
	db 0x36
	mov rcx, [rax]
	ENDCASE
	CASE "#SS call pushes before it goes", ALL64
	mov rsp, 0x0000800000000008
	call .next
.next:
	ENDCASE
	CASE "#GP near jump", ALL64
	mov rax, 0x0000800000000000
	jmp rax
	ENDCASE
	CASE "#GP near call", ALL64
	mov rax, 0x0000800000000000
	call rax
	ENDCASE
	CASE "#GP near return", ALL64
	mov rax, 0x0000800000000000
	push rax
	ret
	ENDCASE
	CASE "#PF read", ALL64
	mov rax, [rbx + 0x10000]
	ENDCASE
	CASE "#PF write", ALL64
	mov [rbx + 0x10000], rax
	ENDCASE
	CASE "#PF read-modify-write", ALL64
	inc dword [rbx + 0x10000]
	ENDCASE
	CASE "#PF cmpxchg that stores nothing writes", ALL64
	SETUP
	and qword [abs pt_test], ~2
	mov rax, cr0
	or eax, 0x10000
	mov cr0, rax
	mov rax, cr3
	mov cr3, rax
	BODY
	mov eax, 1
	cmpxchg [rbx], ecx
	ENDCASE
	CASE "#PF across pages", ALL64
	mov rax, [rbx + 0xfffd]
	ENDCASE
	CASE "#PF write across pages leaves the first", ALL64
	mov qword [rbx + 0xfff8], 0
	lea r8, [rel .after]
	mov rdx, -1
	mov [rbx + 0xfffd], rdx
.after:
	ENDCASE
	CASE "#PF fetch", ALL64
	lea rax, [rbx + 0x10008]
	jmp rax
	ENDCASE
	CASE "#PF fetch across pages", ALL64
	SETUP
	mov byte [abs test_pages + 0xffff], 0xb8
	BODY
	lea rax, [rbx + 0xffff]
	jmp rax
	ENDCASE
	CASE "#PF fetch NX", ALL64
	SETUP
	bts qword [abs pt_test], 63
	mov rax, cr3
	mov cr3, rax
	BODY
	jmp rbx
	ENDCASE
	CASE "#PF of a reserved bit", ALL64
	SETUP
	bts qword [abs pt_test], 51
	mov rax, cr3
	mov cr3, rax
	BODY
	mov eax, [rbx]
	ENDCASE
	CASE32 "#PF in compatibility mode", ALL32
	mov eax, [ebx + 0x10000]
	ENDCASE
	CASE32 "addresses wrap at 4 GiB in compatibility mode", ALL32
	mov eax, 0xfffffff0
	mov ecx, [eax + ebx + 0x10]
	ENDCASE
	CASE "#GP of more than 15 bytes", ALL64
	times 15 db 0x66
	nop
	ENDCASE
	CASE "#GP of more than 15 bytes before the fault of the next page", ALL64
	SETUP
	mov rax, 0x6666666666666666
	mov [abs test_pages + 0xfff0], rax
	mov [abs test_pages + 0xfff8], rax
	BODY
	lea rax, [rbx + 0xfff1]
	jmp rax
	ENDCASE

; --- INT n, gates --------------------------------------------------------------------------------------------------
	LINE32 "int n to a DPL 0 gate", ALL, int 0x40
	LINE32 "int n to a DPL 3 gate", ALL, int DONE
	CASE32 "int n beyond the IDT", ALL
	SETUP
	sub rsp, 16
	mov word [rsp + 6], 0xf0f ; up to vector 0xf0
	mov eax, idt
	mov [rsp + 8], rax
	lidt [rsp + 6]
	add rsp, 16
	BODY
	int 0xf1
	ENDCASE
%macro BAD_GATE 6 ; name, modes, selector, attributes, ist, what sets it off
	CASE32 %1, %2
	SETUP
	GATE 0x41, stubs + 16*0x41, %4, %5
	mov word [abs idt + 16*0x41 + 2], %3
	GATE 6, stubs + 16*6, (%4) & ~0x60, %5
	mov word [abs idt + 16*6 + 2], %3
	BODY
	%6
	ENDCASE
%endmacro
	BAD_GATE "gate: absent, int n", ALL, KCODE, 0x6e, 1, {int 0x41}
	BAD_GATE "gate: absent, exception", ALL, KCODE, 0x0e, 1, ud2
	BAD_GATE "gate: a task gate", ALL, KCODE, 0xe5, 1, {int 0x41}
	BAD_GATE "gate: 16 bits", ALL, KCODE, 0xe6, 1, {int 0x41}
	BAD_GATE "gate: a call gate, exception", ALL, KCODE, 0x8c, 1, ud2
	BAD_GATE "gate: null selector", ALL, 0, 0xee, 1, {int 0x41}
	BAD_GATE "gate: null selector, exception", ALL, 0, 0xee, 1, ud2
	BAD_GATE "gate: data selector", ALL, KDATA, 0xee, 1, {int 0x41}
	BAD_GATE "gate: data selector, exception", ALL, KDATA, 0xee, 1, ud2
	BAD_GATE "gate: selector beyond the GDT", ALL, 0x1000, 0xee, 1, {int 0x41}
	BAD_GATE "gate: code absent", ALL, CODE_ABSENT, 0xee, 1, {int 0x41}
	BAD_GATE "gate: 32-bit code", ALL, KCODE32, 0xee, 1, {int 0x41}
	BAD_GATE "gate: L and D", ALL, CODE_LD, 0xee, 1, {int 0x41}
	BAD_GATE "gate: user code", K64|K32, UCODE, 0xee, 1, {int 0x41}
	BAD_GATE "gate: absent comes after DPL", U64|U32, KCODE, 0x0e, 1, {int 0x41}
%macro RECORD 0 ; what a handler is given
	mov r8, rsp
	mov r9, [rsp]
	mov r10, [rsp + 8]
	mov r11, [rsp + 16]
	mov r12, [rsp + 24]
	mov r13, [rsp + 32]
	pushfq
	pop r14
	mov r15d, ss
	int DONE
%endmacro
	CASE "frame of an interrupt gate, own stack", ALL64
	SETUP
	GATE 0x41, %$handler, 0xee, 0
	BODY
	sub rsp, 3
	int 0x41
%$handler:
	RECORD
	ENDCASE
	CASE "frame of a trap gate", ALL64
	SETUP
	GATE 0x41, %$handler, 0xef, 0
	BODY
	sub rsp, 13
	int 0x41
%$handler:
	RECORD
	ENDCASE
	CASE32 "frame of a trap gate from compatibility mode", K32
	SETUP
	GATE 0x41, %$handler, 0xef, 0
	BODY
	sub esp, 1
	int 0x41
	bits 64
%$handler:
	push rax ; not all of R8 to R15 are shown
	mov eax, [rsp + 8]
	mov ecx, [rsp + 16]
	mov edx, [rsp + 24]
	mov ebp, [rsp + 32]
	mov esi, ss
	int DONE
	ENDCASE
	CASE32 "frame from CPL 3 in compatibility mode", U32
	SETUP
	GATE 0x41, %$handler, 0xee, 0
	BODY
	sub esp, 1
	int 0x41
	bits 64
%$handler:
	mov edi, esp
	mov eax, [rsp]
	mov ecx, [rsp + 8]
	mov edx, [rsp + 16]
	mov ebp, [rsp + 24]
	mov esi, ss
	int DONE
	ENDCASE
	CASE "frame on an IST stack", ALL64
	SETUP
	GATE 0x41, %$handler, 0xee, 2
	BODY
	int 0x41
%$handler:
	RECORD
	ENDCASE
	CASE "frame with an error code", ALL64
	SETUP
	GATE 14, %$handler, 0x8e, 0
	BODY
	mov [rbx + 0x10000], eax
%$handler:
	pop rax
	RECORD
	ENDCASE
	CASE "NT, TF, RF are cleared, AC and DF are not", ALL64
	SETUP
	GATE 0x41, %$handler, 0xef, 0
	BODY
	pushfq
	or dword [rsp], 0x44400
	popfq
	int 0x41
%$handler:
	RECORD
	ENDCASE
	CASE "a conforming handler keeps CPL 3", U64
	SETUP
	GATE 0x41, %$handler + UOFS, 0xee, 0
	mov word [abs idt + 16*0x41 + 2], CODE_CONF
	BODY
	int 0x41
%$handler:
	mov r8, rsp
	mov r9d, cs
	int DONE
	ENDCASE
	CASE "the handler's address is not canonical", ALL64
	SETUP
	GATE 0x41, %$handler, 0xee, 1
	mov dword [abs idt + 16*0x41 + 8], 0x8000
	BODY
	int 0x41
%$handler:
	ENDCASE
	CASE "the IST stack is not canonical", ALL64
	SETUP
	GATE 0x41, %$handler, 0xee, 2
	mov rax, 0x0000900000000000
	mov [abs tss + 44], rax
	BODY
	int 0x41
%$handler:
	ENDCASE
	CASE "the IST stack is not canonical, exception", ALL64
	SETUP
	GATE 6, %$handler, 0xee, 2
	mov rax, 0x0000900000000000
	mov [abs tss + 44], rax
	BODY
	ud2
%$handler:
	ENDCASE
	CASE "IST beyond the TSS", ALL64
	SETUP
	mov word [abs gdt + TSS], 0x2b
	and byte [abs gdt + TSS + 5], ~2
	mov eax, TSS
	ltr ax
	GATE 0x41, %$handler, 0xee, 2
	BODY
	int 0x41
%$handler:
	ENDCASE
	CASE "IST beyond the TSS, exception", ALL64
	SETUP
	mov word [abs gdt + TSS], 0x2b
	and byte [abs gdt + TSS + 5], ~2
	mov eax, TSS
	ltr ax
	GATE 6, %$handler, 0xee, 2
	BODY
	ud2
%$handler:
	ENDCASE

; --- faults during delivery ------------------------------------------------------------------------------------------
	CASE "#DF of #GP in #GP", ALL64
	SETUP
	GATE 13, stubs, 0x0e, 1
	BODY
	mov rax, 0x0000800000000000
	mov rax, [rax]
	ENDCASE
	CASE "#DF of #NP in #PF", ALL64
	SETUP
	GATE 14, stubs, 0x0e, 1
	BODY
	mov rax, [rbx + 0x10000]
	ENDCASE
	CASE "#PF in #UD", U64
	SETUP
	mov eax, TV + 0x10ff8
	mov [abs tss + 4], rax
	GATE 6, stubs, 0x8e, 0
	BODY
	ud2
	ENDCASE
	CASE "#PF in int n", U64
	SETUP
	mov eax, TV + 0x10ff8
	mov [abs tss + 4], rax
	GATE 0x41, stubs, 0xee, 0
	BODY
	int 0x41
	ENDCASE
	CASE "#DF of #PF in #PF", U64
	SETUP
	mov eax, TV + 0x10ff8
	mov [abs tss + 4], rax
	GATE 14, stubs, 0x8e, 0
	BODY
	mov rax, [rbx + 0x10000]
	ENDCASE
	CASE "#PF in #GP", U64
	SETUP
	mov eax, TV + 0x10ff8
	mov [abs tss + 4], rax
	GATE 13, stubs, 0x8e, 0
	BODY
	hlt
	ENDCASE
	CASE "#PF of the IDT", ALL64
	SETUP
	sub rsp, 16
	mov word [rsp + 6], 0x0fff
	mov eax, TV + 0xf600 ; vector 0x60 is on no page
	mov [rsp + 8], rax
	lidt [rsp + 6]
	add rsp, 16
	mov esi, idt
	mov edi, test_pages + 0xf600
	mov ecx, 0xa00/8
	rep movsq
	BODY
	int 0xa0
	ENDCASE
	CASE "nested: a handler faults", ALL64
	SETUP
	GATE 14, %$pf, 0x8e, 0
	GATE 6, %$ud, 0x8e, 0
	BODY
	mov rax, [rbx + 0x10000]
	nop
	int DONE
%$pf:
	mov r8, cr2
	mov r9, [rsp]
	ud2
	add qword [rsp + 8], 7 ; behind the MOV
	add rsp, 8
	iretq
%$ud:
	add qword [rsp], 2
	mov r10, [rsp + 24]
	mov r11, [rsp + 8]
	iretq
	ENDCASE

; --- IRET ------------------------------------------------------------------------------------------------------------
%macro IRET_TO 6 ; name, modes, SS, RFLAGS, CS, add to RIP
	CASE %1, %2
	mov r8, rsp
	push %3
	lea rax, [r8 - 0x100]
%if ((%5) & 3) = 3
	mov ecx, UOFS
	test r8, rcx
	jnz .same
	add rax, rcx
.same:
%endif
	push rax
	push %4
	push %5
	lea rax, [rel .to]
%if ((%5) & 3) = 3
	btr rax, 30
	or rax, rcx
%endif
%if %6 != 0
	mov rcx, %6
	add rax, rcx
%endif
	push rax
	iretq
.to:
	int DONE
	ENDCASE
%endmacro
	IRET_TO "iretq same level", K64, KDATA, 0x202, KCODE, 0
	IRET_TO "iretq same level from CPL 3", U64, UDATA, 0x202, UCODE, 0
	IRET_TO "iretq to CPL 3", K64, UDATA, 0x202, UCODE, 0
	IRET_TO "iretq to compatibility mode", K64, UDATA, 0x202, UCODE32, 0
	IRET_TO "iretq to compatibility mode at CPL 0", K64, KDATA, 0x202, KCODE32, 0
	IRET_TO "iretq from CPL 3 to compatibility mode", U64, UDATA, 0x202, UCODE32, 0
	IRET_TO "iretq with a null SS at CPL 0", K64, 0, 0x202, KCODE, 0
	IRET_TO "iretq with a null SS to CPL 3", K64, 3, 0x202, UCODE, 0
	IRET_TO "iretq with a null SS to compatibility mode", K64, 0, 0x202, KCODE32, 0
	IRET_TO "iretq with a null CS", K64, KDATA, 0x202, 0, 0
	IRET_TO "iretq with a data CS", K64, KDATA, 0x202, KDATA, 0
	IRET_TO "iretq with CS beyond the GDT", K64, KDATA, 0x202, 0x1000, 0
	IRET_TO "iretq with CS absent", K64, KDATA, 0x202, CODE_ABSENT, 0
	IRET_TO "iretq with L and D", K64, KDATA, 0x202, CODE_LD, 0
	IRET_TO "iretq inwards", U64, KDATA, 0x202, KCODE, 0
	IRET_TO "iretq with RPL above DPL", K64, UDATA, 0x202, KCODE + 3, 0
	IRET_TO "iretq with DPL above RPL", K64, KDATA, 0x202, UCODE & ~3, 0
	IRET_TO "iretq with SS RPL wrong", K64, KDATA, 0x202, UCODE, 0
	IRET_TO "iretq with SS DPL wrong", K64, KDATA + 3, 0x202, UCODE, 0
	IRET_TO "iretq with SS read-only", K64, DATA_RO, 0x202, KCODE, 0
	IRET_TO "iretq with SS absent", K64, DATA_ABSENT, 0x202, KCODE, 0
	IRET_TO "iretq with SS code", K64, KCODE, 0x202, KCODE, 0
	IRET_TO "iretq to a place that is not canonical", K64, KDATA, 0x202, KCODE, 0x0000800000000000
	IRET_TO "iretq to CPL 3 and a place that is not canonical", K64, UDATA, 0x202, UCODE, 0x0000800000000000
	IRET_TO "iretq conforming to CPL 3", K64, UDATA, 0x202, CODE_CONF + 3, 0
	IRET_TO "iretq restores the flags at CPL 0", K64, KDATA, 0x3ed7, KCODE, 0
	IRET_TO "iretq keeps IOPL and IF at CPL 3", U64, UDATA, 0x3cd7, UCODE, 0
	IRET_TO "iretq ignores VM", K64, KDATA, 0x20202, KCODE, 0
	IRET_TO "iretq ID and AC", K64, KDATA, 0x240202, KCODE, 0
	IRET_TO "iretq with TF", K64, KDATA, 0x302, KCODE, 0
	IRET_TO "iretq to RSP of CPL 3 keeps DS", K64, UDATA, 0x2, UCODE, 0
	CASE "iretq nulls segments that CPL 3 may not have", K64
	mov eax, KDATA
	mov ds, eax
	mov fs, eax
	mov eax, CODE32_CONF
	mov es, eax
	mov eax, UDATA
	mov gs, eax
	mov rax, rsp
	mov ecx, UOFS
	push UDATA
	add rax, rcx
	push rax
	push 0x202
	push UCODE
	lea rax, [rel .to]
	add rax, rcx
	push rax
	iretq
.to:
	ENDCASE
	CASE "iretq with NT", K64
	pushfq
	or dword [rsp], 0x4000
	popfq
	iretq
	ENDCASE
	CASE "iretd in 64-bit mode", K64
	mov rax, rsp
	sub rsp, 20
	lea ecx, [rel .to]
	mov [rsp], ecx
	mov dword [rsp + 4], KCODE
	mov dword [rsp + 8], 0x202
	mov [rsp + 12], eax
	mov dword [rsp + 16], KDATA
	iretd
.to:
	ENDCASE
	CASE32 "iretd in compatibility mode, same level", ALL32
	pushf
	push cs
	call .here
.here:
	add dword [esp], .to - .here
	iretd
.to:
	ENDCASE
	CASE32 "iretd from compatibility mode to 64-bit code", K32
	pushf
	push KCODE
	call .here
.here:
	add dword [esp], .to - .here
	iretd
.to:
	ENDCASE
	CASE32 "iretd from compatibility mode to CPL 3", K32
	push UDATA
	lea eax, [esp + UOFS]
	push eax
	pushf
	push UCODE
	call .here
.here:
	add dword [esp], .to - .here + UOFS
	iretd
.to:
	ENDCASE

; --- shadows, NMI, INTR ----------------------------------------------------------------------------------------------
%macro APIC_ON 0
	mov eax, APIC
	mov dword [rax + 0xf0], 0x1ff
%endmacro
%macro IPI 1 ; to itself
	mov dword [r15 + 0x300], 0x44000 + %1
	jmp short %%next ; emulators that run blocks look for interrupts between them
%%next:
%endmacro
%macro APIC_CASE 1
	CASE %1, K64
	SETUP
	APIC_ON
	GATE 0x60, %$handler, 0x8e, 0
	GATE 2, %$nmi, 0x8e, 0
	BODY
	mov r15d, APIC
	xor edx, edx
%endmacro
%macro APIC_END 0
	int DONE
%$handler:
	inc edx
	mov r8, [rsp]
	mov dword [r15 + 0xb0], 0
	iretq
%$nmi:
	inc edx
	mov r9, [rsp]
	iretq
	ENDCASE
%endmacro
	APIC_CASE "an interrupt through the gate"
	IPI 0x60
	nop
	nop
	APIC_END
	APIC_CASE "cli holds it, sti lets it in one instruction later"
	cli
	IPI 0x60
	nop
	mov r10d, edx
	sti
	mov r11d, edx
	mov r12d, edx
	APIC_END
	APIC_CASE "sti and cli leave no gap"
	cli
	IPI 0x60
	sti
	cli
	nop
	mov r10d, edx
	sti
	nop
	APIC_END
	APIC_CASE "popf has no shadow"
	pushfq
	cli
	IPI 0x60
	popfq
	mov r10d, edx
	APIC_END
	APIC_CASE "CR8 holds it"
	mov eax, 6
	mov cr8, rax
	IPI 0x60
	nop
	mov r10d, edx
	mov eax, 5
	mov cr8, rax
	nop
	nop
	xor eax, eax
	mov cr8, rax
	APIC_END
	APIC_CASE "CR8 is the APIC's TPR"
	mov eax, 9
	mov cr8, rax
	mov r10d, [r15 + 0x80]
	mov dword [r15 + 0x80], 0x35
	mov r11, cr8
	xor eax, eax
	mov cr8, rax
	APIC_END
	APIC_CASE "hlt ends with an interrupt"
	cli
	IPI 0x60
	sti
	hlt
	mov r10d, edx
	APIC_END
	APIC_CASE "NMI in spite of cli"
	cli
	IPI 0x400
	nop
	APIC_END
	CASE "NMI is blocked until IRET", K64
	SETUP
	APIC_ON
	GATE 2, %$nmi, 0x8e, 0
	BODY
	mov r15d, APIC
	xor edx, edx
	IPI 0x400
	nop
	nop
	int DONE
%$nmi:
	inc edx
	cmp edx, 1
	jne %$second
	IPI 0x400
	nop
	nop
	mov r10d, edx ; still 1
%$second:
	mov r9, [rsp]
	iretq
	ENDCASE
