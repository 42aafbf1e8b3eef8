; Traps in long mode: 256 stubs that record everything and return from enter().
%include "layout.inc"
	bits 64
	section .text
	global stubs, enter
	extern record, resume_rsp

	align 16
stubs: ; 16 bytes each
%assign v 0
%rep 256
	align 16
%if v = 8 || (v >= 10 && v <= 14) || v = 17
%else
	push 0
%endif
	push strict dword v
	jmp strict near trap_common
%assign v v+1
%endrep

	align 16
trap_common:
	push r15
	push r14
	push r13
	push r12
	push r11
	push r10
	push r9
	push r8
	push rdi
	push rsi
	push rbp
	push rsp
	push rbx
	push rdx
	push rcx
	push rax
	mov rdi, rsp
	mov esi, ds
	mov edx, es
	mov ecx, fs
	mov r8d, gs
	cld
	mov rsp, [abs resume_rsp]
	call record
	mov ecx, KDATA
	mov rsp, [abs resume_rsp]
	mov rax, rsp
	push rcx ; return by IRETQ, which ends the blocking of NMIs
	push rax
	push 2
	push KCODE
	push .out
	iretq
.out:
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

; void enter(struct context *) runs it until the next exception or interrupt, which record() stores.
enter:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	mov [abs resume_rsp], rsp
	push qword [rdi + 19*8] ; SS
	push qword [rdi + 4*8] ; RSP
	push qword [rdi + 18*8]
	push qword [rdi + 17*8]
	push qword [rdi + 16*8]
	mov rax, [rdi]
	mov rcx, [rdi + 8]
	mov rdx, [rdi + 16]
	mov rbx, [rdi + 24]
	mov rbp, [rdi + 40]
	mov rsi, [rdi + 48]
	mov r8, [rdi + 64]
	mov r9, [rdi + 72]
	mov r10, [rdi + 80]
	mov r11, [rdi + 88]
	mov r12, [rdi + 96]
	mov r13, [rdi + 104]
	mov r14, [rdi + 112]
	mov r15, [rdi + 120]
	mov rdi, [rdi + 56]
	iretq
