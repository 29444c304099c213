"""Closes a descriptor of another process, as a debugger would: close.py PID FD.

The process is x86-64. When it is found in a system call, the call is made again as
close(), and then everything is as it was.
"""

import ctypes
import os
import sys
import time

REGISTERS = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"
PEEK, STEP, GET, SET, ATTACH, DETACH = 1, 9, 12, 13, 16, 17
SYSCALL = b"\x0f\x05"
CLOSE = 3


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS.split()]


libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, data=None):
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


def stopped():
    """The registers of the process, stopped; None where it is in no system call."""
    ptrace(ATTACH)
    os.waitpid(pid, 0)
    registers = Registers()
    ptrace(GET, ctypes.addressof(registers))
    behind = libc.ptrace(PEEK, pid, registers.rip - len(SYSCALL), None)
    if behind.to_bytes(8, "little", signed=True).startswith(SYSCALL):
        return registers
    ptrace(DETACH)
    return None


pid, descriptor = int(sys.argv[1]), int(sys.argv[2])
before = stopped()
while before is None:
    time.sleep(0.001)
    before = stopped()
closing = Registers.from_buffer_copy(before)
closing.rip -= len(SYSCALL)
closing.rax, closing.rdi, closing.orig_rax = CLOSE, descriptor, 2**64 - 1
ptrace(SET, ctypes.addressof(closing))
ptrace(STEP)
os.waitpid(pid, 0)
after = Registers()
ptrace(GET, ctypes.addressof(after))
ptrace(SET, ctypes.addressof(before))
ptrace(DETACH)
sys.exit(after.rax != 0)
