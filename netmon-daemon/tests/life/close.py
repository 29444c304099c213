"""Closes a descriptor of another process, as a debugger would: close.py PID FD.

The process must wait in a system call, and is x86-64: where it comes back from the
call, the call is made again as close(), and then everything is as it was.
"""

import ctypes
import os
import sys

REGISTERS = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"
ATTACH, DETACH, STEP, GET, SET = 16, 17, 9, 12, 13
SYSCALL_LEN = 2
CLOSE = 3


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS.split()]


libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, data=None):
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


pid, descriptor = int(sys.argv[1]), int(sys.argv[2])
ptrace(ATTACH)
os.waitpid(pid, 0)
before = Registers()
ptrace(GET, ctypes.addressof(before))
closing = Registers.from_buffer_copy(before)
closing.rip -= SYSCALL_LEN
closing.rax, closing.rdi, closing.orig_rax = CLOSE, descriptor, 2**64 - 1
ptrace(SET, ctypes.addressof(closing))
ptrace(STEP)
os.waitpid(pid, 0)
after = Registers()
ptrace(GET, ctypes.addressof(after))
ptrace(SET, ctypes.addressof(before))
ptrace(DETACH)
sys.exit(after.rax != 0)
