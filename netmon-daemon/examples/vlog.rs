//! scratch
use aya::{EbpfLoader, VerifierLogLevel, programs::SchedClassifier};
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netmon-ebpf"));
fn main() {
    let name = std::env::args().nth(1).unwrap_or("netmon_ingress".into());
    let mut ebpf = EbpfLoader::new()
        .btf(None)
        .verifier_log_level(VerifierLogLevel::DEBUG | VerifierLogLevel::STATS)
        .load(OBJECT)
        .unwrap();
    let p: &mut SchedClassifier = ebpf.program_mut(&name).unwrap().try_into().unwrap();
    match p.load() {
        Ok(()) => println!("ok"),
        Err(e) => println!("{e:?}"),
    }
}
