//! How functions of a program call each other, and what the deepest chain of them
//! needs.

use aya_obj::generated::bpf_insn;

/// `BPF_JMP | BPF_CALL`, and what its source register says when it calls a function
/// of the program rather than of the kernel.
const CALL: u8 = 0x85;
const PSEUDO_CALL: u8 = 1;

/// For each function of a linked program, in the order in which they stand, those
/// that it calls.
pub(crate) fn calls(instructions: &[bpf_insn]) -> Vec<Vec<usize>> {
    let targets = || {
        instructions.iter().enumerate().filter_map(|(at, instruction)| {
            let pseudo = instruction.code == CALL && instruction.src_reg() == PSEUDO_CALL;
            pseudo.then(|| (at, (at + 1).wrapping_add_signed(instruction.imm as isize)))
        })
    };
    let mut starts: Vec<usize> = targets().map(|(_, target)| target).chain([0]).collect();
    starts.sort_unstable();
    starts.dedup();
    let function = |at: usize| starts.partition_point(|start| *start <= at) - 1;
    let mut calls = vec![Vec::new(); starts.len()];
    for (at, target) in targets() {
        calls[function(at)].push(function(target));
    }
    calls
}

/// Bytes of stack from a function down, by what each of them needs for itself.
pub(crate) fn deepest(calls: &[Vec<usize>], depths: &[u64], function: usize) -> u64 {
    let below = calls[function].iter().map(|callee| deepest(calls, depths, *callee)).max();
    depths[function] + below.unwrap_or(0)
}
