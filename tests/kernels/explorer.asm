; u64 probe(u64 va, u64 flags, u64 kind, u64 user): one access, and the page fault that it raises: error code + 100h, or 0.
; kind: 0 read, 1 write, 2 read-modify-write, 3 fetch. The page has INT 0xf0 for the fetch.
%include "layout.inc"
	bits 64
	section .text
	global probe, page_fault, done
probe:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	mov [abs saved], rsp
	lea rax, [rdx*8 + stubs_]
	test ecx, ecx
	jnz .user
	push rsi
	popfq
	jmp rax
.user:
	add rax, UOFS
	push UDATA
	push 0
	or esi, 2
	push rsi
	push UCODE
	push rax
	iretq

	align 8
stubs_: ; 8 bytes each
	mov al, [rdi]
	int DONE
	align 8
	mov byte [rdi], 0xcd ; what is there
	int DONE
	align 8
	add byte [rdi], 0
	int DONE
	align 8
	jmp rdi

page_fault:
	mov rax, [rsp]
	or eax, 0x100
	jmp leave_
done:
	xor eax, eax
leave_:
	mov rsp, [abs saved]
	push 2
	popfq
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

	section .data
saved:
	dq 0
