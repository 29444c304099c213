//! Puts the layers together: defaults, file, environment, flags; later wins.
//!
//! Each layer is checked by itself, where file, line and variable are still
//! known; the `config` crate then merges layers that cannot be wrong any more.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    Address, Config, ConfigError, Origin, Pattern, environment, file, section::Place, sections,
    spans,
};

/// Where the configuration is, unless somebody says otherwise.
pub const DEFAULT_FILE: &str = "/etc/netmon/netmon.toml";

/// What the command line says instead of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Replaces `web.listen` unless empty.
    pub listen: Vec<Address>,
    /// Replaces `interfaces.include` unless empty.
    pub interfaces: Vec<Pattern>,
}

/// A configuration, and where it comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration, checked.
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Who set a key, such as `web.listen`.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }
}

/// Values from one origin and where each of them stands, by `section.key`.
#[derive(Debug, Default)]
pub(super) struct Layer(pub(super) BTreeMap<String, (Value, Origin)>);

impl Config {
    /// The configuration from all layers. `path` is a file that must exist;
    /// without it, [`DEFAULT_FILE`] is read if it exists. `environment` is
    /// what `std::env::vars_os` gives.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong in the last layer that has something
    /// wrong with it; no layer is applied in part.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &Overrides,
    ) -> Result<Loaded, ConfigError> {
        let default = Path::new(DEFAULT_FILE);
        let text = file::read(path.unwrap_or(default))?;
        if let (Some(path), None) = (path, &text) {
            return Err(ConfigError::File {
                path: crate::printable::Printable(&path.to_string_lossy()).to_string(),
                why: "there is no such file".to_owned(),
            });
        }
        let path = text.is_some().then(|| path.unwrap_or(default));
        let from_file = match (path, &text) {
            (Some(path), Some(text)) => spans::layer(path, text)?,
            _ => Layer::default(),
        };
        let layers = [from_file, environment::layer(environment)?, flags(overrides)];

        let mut origins = BTreeMap::new();
        let mut builder = config::Config::builder();
        for layer in layers {
            let text = layer.table().to_string();
            builder = builder.add_source(config::File::from_str(&text, config::FileFormat::Toml));
            origins.extend(layer.0.into_iter().map(|(key, (_, origin))| (key, origin)));
        }
        let config: Config = builder
            .build()
            .and_then(config::Config::try_deserialize)
            // Every layer was checked, so this says that a check is missing.
            .map_err(|error| ConfigError::Value {
                origin: Origin::Default,
                why: crate::printable::Printable(&error.to_string()).to_string(),
            })?;
        let loaded = Loaded { config, file: path.map(Path::to_path_buf), origins };
        loaded.check_order()?;
        loaded.check_scopes()?;
        Ok(loaded)
    }
}

impl Loaded {
    /// In every section, `warning...` must not be above `critical...`: the
    /// severe flag would be raised before the mild one.
    fn check_order(&self) -> Result<(), ConfigError> {
        for Place { path, keys, .. } in sections() {
            for mild in keys.iter().map(|key| key.name) {
                let Some(kind) = mild.strip_prefix("warning") else { continue };
                let severe = format!("critical{kind}");
                let number = |key: &str| self.config.value(path, key).and_then(|v| v.as_float());
                let (Some(warning), Some(critical)) = (number(mild), number(&severe)) else {
                    continue;
                };
                if warning > critical {
                    return Err(ConfigError::Value {
                        origin: self.set_by(path, &[mild, &severe]),
                        why: format!(
                            "\"{path}.{mild}\" is {warning}, above \"{path}.{severe}\", which is \
                             {critical}: raise one or lower the other"
                        ),
                    });
                }
            }
        }
        Ok(())
    }

    /// A network must have one scope.
    fn check_scopes(&self) -> Result<(), ConfigError> {
        self.config
            .scopes
            .check()
            .map_err(|(keys, why)| ConfigError::Value { origin: self.set_by("scopes", &keys), why })
    }

    /// Who set the first of these keys that somebody has set.
    fn set_by(&self, section: &str, keys: &[&str]) -> Origin {
        let mut origins = keys.iter().map(|key| self.origin(&format!("{section}.{key}")));
        origins.find(|origin| **origin != Origin::Default).cloned().unwrap_or(Origin::Default)
    }
}

impl Config {
    /// The value of a key as TOML.
    pub fn value(&self, section: &str, key: &str) -> Option<Value> {
        let mut value = Value::try_from(self).ok()?;
        for step in section.split('.').chain([key]) {
            value = value.as_table_mut()?.remove(step)?;
        }
        Some(value)
    }
}

impl Layer {
    /// The values as nested tables.
    fn table(&self) -> Table {
        let mut root = Table::new();
        for (path, (value, _)) in &self.0 {
            let mut table = &mut root;
            let mut steps: Vec<&str> = path.split('.').collect();
            let key = steps.pop().unwrap_or_default();
            for step in steps {
                let inner = table.entry(step).or_insert_with(|| Table::new().into());
                let Value::Table(inner) = inner else { return root };
                table = inner;
            }
            table.insert(key.to_owned(), value.clone());
        }
        root
    }
}

fn flags(overrides: &Overrides) -> Layer {
    let Overrides { listen, interfaces } = overrides;
    let texts = |list: Vec<String>| Value::Array(list.into_iter().map(Value::String).collect());
    let mut layer = Layer::default();
    let mut set = |key: &str, flag, list: Vec<String>| {
        if !list.is_empty() {
            layer.0.insert(key.to_owned(), (texts(list), Origin::Flag(flag)));
        }
    };
    set("web.listen", "--listen", listen.iter().map(ToString::to_string).collect());
    set("interfaces.include", "--interface", interfaces.iter().map(ToString::to_string).collect());
    layer
}
