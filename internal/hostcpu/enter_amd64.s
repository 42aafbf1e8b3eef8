//go:build linux && amd64

#include "textflag.h"

// func enter(code, state unsafe.Pointer)
TEXT ·enter(SB), NOSPLIT, $64-16
	MOVQ code+0(FP), AX
	MOVQ state+8(FP), DI
	CALL AX
	RET

// The code that enter calls, in the syntax of GNU as (.intel_syntax noprefix):
//
//   .set FLAGS,128
//   .set FX,144
//   .global prologue, epilogue, end
//   prologue:
//   push rbx
//   push rbp
//   push r12
//   push r13
//   push r14
//   push r15
//   mov [rip+saved_rsp], rsp
//   mov [rip+saved_state], rdi
//   fxrstor64 [rdi+FX]
//   push qword ptr [rdi+FLAGS]
//   popfq
//   mov rax,[rdi]
//   mov rcx,[rdi+8]
//   mov rdx,[rdi+16]
//   mov rbx,[rdi+24]
//   mov rsp,[rdi+32]
//   mov rbp,[rdi+40]
//   mov rsi,[rdi+48]
//   mov r8,[rdi+64]
//   mov r9,[rdi+72]
//   mov r10,[rdi+80]
//   mov r11,[rdi+88]
//   mov r12,[rdi+96]
//   mov r13,[rdi+104]
//   mov r14,[rdi+112]
//   mov r15,[rdi+120]
//   mov rdi,[rdi+56]
//   prologue_end:
//   .org 0x100
//   epilogue:
//   mov [rip+tmp], rdi
//   mov rdi,[rip+saved_state]
//   mov [rdi],rax
//   mov rax,[rip+tmp]
//   mov [rdi+56],rax
//   mov [rdi+8],rcx
//   mov [rdi+16],rdx
//   mov [rdi+24],rbx
//   mov [rdi+32],rsp
//   mov [rdi+40],rbp
//   mov [rdi+48],rsi
//   mov [rdi+64],r8
//   mov [rdi+72],r9
//   mov [rdi+80],r10
//   mov [rdi+88],r11
//   mov [rdi+96],r12
//   mov [rdi+104],r13
//   mov [rdi+112],r14
//   mov [rdi+120],r15
//   mov rsp,[rip+saved_rsp]
//   pushfq
//   pop qword ptr [rdi+FLAGS]
//   fxsave64 [rdi+FX]
//   cld
//   fninit
//   ldmxcsr [rip+mxcsr]
//   pop r15
//   pop r14
//   pop r13
//   pop r12
//   pop rbp
//   pop rbx
//   ret
//   epilogue_end:
//   .org 0x200
//   saved_rsp: .quad 0
//   saved_state: .quad 0
//   tmp: .quad 0
//   mxcsr: .quad 0x1f80
//   end:
