//! Writes the seeds as a starting corpus for the fuzz targets:
//! `cargo run -p netmon-common --example seeds -- DIRECTORY` fills
//! a folder of `DIRECTORY` for each target.

#[path = "../tests/seed/message.rs"]
mod message;
#[path = "../tests/seed/mod.rs"]
mod seed;

use std::{env, fs, io, path::Path};

use netmon_common::packet::Link;
use seed::frame::dns;

fn main() -> io::Result<()> {
    let Some(directory) = env::args_os().nth(1) else {
        return Err(io::Error::other("name the directory that receives the seeds"));
    };
    let packets = Path::new(&directory).join("packet");
    fs::create_dir_all(&packets)?;
    for seed in seed::all() {
        // What the target reads first: link type, remote end, volume.
        let link = Link::ALL.iter().position(|link| *link == seed.link).unwrap_or_default();
        let how = u8::try_from(link * 2).unwrap_or_default();
        write(&packets, &seed.name, &[&[how, 0, 0], &seed.bytes])?;
    }
    let messages = Path::new(&directory).join("dns");
    fs::create_dir_all(&messages)?;
    for (name, flags, len) in
        [("query", 0x0100, 40), ("response", 0x8180, 40), ("large", 0x8183, 1400), ("short", 0, 2)]
    {
        for how in 0..8 {
            write(&messages, &format!("message_{name}_{how}"), &[&[how, 0, 0], &dns(flags, len)])?;
        }
    }
    for target in ["dns_message", "dns_walk"] {
        let messages = Path::new(&directory).join(target);
        fs::create_dir_all(&messages)?;
        for (name, bytes) in message::all() {
            write(&messages, name, &[&bytes])?;
        }
    }
    Ok(())
}

fn write(directory: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    fs::write(directory.join(format!("seed_{name}")), parts.concat())
}
