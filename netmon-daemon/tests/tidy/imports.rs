//! Which part of the daemon may use which library: the walls of the house.

use crate::{
    code::{code, imports},
    none, tree,
};

/// A library and the folder of `netmon-daemon/src` that alone may name it.
const OWNERS: [(&str, &str); 4] =
    [("aya", "kernel"), ("axum", "http"), ("prometheus_client", "metrics"), ("config", "config")];

/// Whether `code` names the crate `library`.
fn names(code: &str, library: &str) -> bool {
    let (imports, rest) = imports(code);
    let path = format!("{library}::");
    let imported = imports.iter().any(|import| {
        let import = import.trim_start_matches("::");
        import == library || import.starts_with(&path)
    });
    // A module of that name hides the crate from paths in the code.
    let hidden = code.contains(&format!("mod {library};"))
        || imports.iter().any(|import| import.ends_with(&format!("::{library}")));
    let named = rest.match_indices(&path).any(|(at, _)| {
        let before = &rest[..at];
        match before.strip_suffix("::") {
            Some(parent) => !parent.ends_with(in_word),
            None => !hidden && !before.ends_with(in_word),
        }
    });
    imported || named
}

/// Whether a character is part of a word, or closes a generic type before `::`.
fn in_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '>'
}

#[test]
fn each_library_has_one_owner() {
    let mut problems = Vec::new();
    for file in tree::rust("netmon-daemon/src/") {
        let code = code(&file.text);
        for (library, owner) in OWNERS {
            let home = format!("netmon-daemon/src/{owner}/");
            if !file.path.starts_with(&home) && names(&code, library) {
                problems.push(format!(
                    "{} names the crate {library}: move that into {home} and give it a name of netmon's own",
                    file.path
                ));
            }
        }
    }
    none("only the owner of a library may name it", &problems);
}

#[test]
fn the_shared_crate_knows_nobody() {
    let strangers = ["aya", "aya_ebpf", "tokio", "serde", "std"];
    let mut problems = Vec::new();
    for file in tree::rust("netmon-common/src/") {
        let code = code(&file.text);
        for library in strangers.iter().filter(|library| names(&code, library)) {
            problems.push(format!(
                "{} names {library}: what runs in the kernel has only core",
                file.path
            ));
        }
    }
    none("netmon-common uses nothing but core", &problems);
}

#[test]
fn a_crate_is_told_from_a_module() {
    let cases = [
        ("use config::File;", true),
        ("use ::config::File;", true),
        ("let c = ::config::Config::builder();", true),
        ("let c = config::Config::builder();", true),
        ("use crate::config::Config;", false),
        ("use crate::{\n    config::Config,\n    view,\n};", false),
        ("use crate::config;\nlet c = config::Config::default();", false),
        ("pub mod config;\nfn f(c: config::Config) {}", false),
        ("let c = <A as B>::config::C;", false),
        ("use crate::config::{self, Log};\nlet c = config::Config::default();", false),
        ("fn f(c: crate::config::Config) {}", false),
        ("let my_config::X = 1;", false),
    ];
    for (source, expected) in cases {
        assert_eq!(names(&code(source), "config"), expected, "{source}");
    }
}
