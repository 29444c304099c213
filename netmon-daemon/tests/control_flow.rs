//! The eBPF object has a shape that the verifiers of old kernels take.
//!
//! The kernel that runs the tests is usually newer than those that netmon
//! supports. What is checked here once kept netmon from loading on Linux 6.1
//! while all was well on 6.18; `make matrix` finds the rest.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use aya_obj::Object;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netmon-ebpf"));

/// Classes and operations of instructions (Documentation/bpf/standardization/
/// instruction-set.rst of the kernel).
const CLASS: u8 = 0x07;
const JUMP: u8 = 0x05;
const JUMP_32: u8 = 0x06;
const OPERATION: u8 = 0xf0;
const ALWAYS: u8 = 0x00;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;

/// The code of an instruction and its jump offset.
type Instruction = (u8, i16);

/// How far `check_cfg` of kernel/bpf/verifier.c has come with an instruction.
#[derive(Clone, Copy, PartialEq)]
enum Visit {
    Never,
    Begun,
    Done,
}

/// Where the instruction at `at` may go on, and whether it gets there by a jump.
fn next(code: &[Instruction], at: usize) -> Vec<(usize, bool)> {
    let (code, offset) = code[at];
    let target = || (at + 1).strict_add_signed(isize::from(offset));
    let jumps = matches!(code & CLASS, JUMP | JUMP_32);
    match code & OPERATION {
        EXIT if jumps => vec![],
        ALWAYS if jumps => vec![(target(), true)],
        CALL if jumps => vec![(at + 1, false)],
        // Of a condition, both ways count as jumps.
        _ if jumps => vec![(at + 1, true), (target(), true)],
        _ => vec![(at + 1, false)],
    }
}

/// The instructions from which a loop is closed by falling into its head.
fn falls_back(code: &[Instruction]) -> Vec<usize> {
    let mut visits = vec![Visit::Never; code.len()];
    let mut found = Vec::new();
    let mut path = vec![(0, next(code, 0))];
    visits[0] = Visit::Begun;
    while let Some((at, ways)) = path.last_mut() {
        let at = *at;
        match ways.pop() {
            None => {
                visits[at] = Visit::Done;
                path.pop();
            }
            Some((to, _)) if visits[to] == Visit::Never => {
                visits[to] = Visit::Begun;
                path.push((to, next(code, to)));
            }
            Some((to, false)) if visits[to] == Visit::Begun => found.push(at),
            Some(_) => {}
        }
    }
    found
}

/// Up to Linux 6.1, `check_cfg` takes a loop only if it is closed by a jump.
#[test]
fn loops_are_closed_by_jumps() {
    let object = Object::parse(OBJECT).unwrap();
    assert!(object.functions.len() > 2);
    for function in object.functions.values() {
        let code: Vec<_> = function.instructions.iter().map(|it| (it.code, it.off)).collect();
        let found = falls_back(&code);
        assert!(
            found.is_empty(),
            "{}: instructions {found:?} fall back into a loop: write it so that it is unrolled, \
             or as calls of a function",
            function.name
        );
    }
}

#[test]
fn a_loop_is_found() {
    let (add, exit) = (0x07, JUMP | EXIT);
    let (jump, jump_if) = (JUMP, JUMP | 0x10);
    let closed_by_condition = [(jump, 2), (add, 0), (jump_if, 1), (jump_if, -3), (exit, 0)];
    let entered_below = [(jump, 1), (add, 0), (jump_if, -2), (exit, 0)];
    let entered_above = [(add, 0), (jump_if, -2), (exit, 0)];
    for (name, code, expected) in [
        ("entered below", &entered_below[..], vec![1]),
        ("entered above", &entered_above, vec![]),
        ("closed by a condition", &closed_by_condition, vec![]),
    ] {
        assert_eq!(falls_back(code), expected, "{name}");
    }
}
