//! Policies that change while the witness runs: its folder of policies is looked at again and
//! again, so that voters of a park may change without anybody starting its witnesses anew.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::witness::{Witness, chain, say};

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks at the folder of a configuration from now on, in a thread of its own, and says what
/// changed. What cannot be taken is said once and changes nothing.
///
/// # Errors
/// If the thread cannot be started.
pub fn watch(config: Config, witness: Arc<Witness>) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("policies".to_owned());
    thread.spawn(move || {
        let mut said = None;
        loop {
            std::thread::sleep(LOOK_EVERY);
            said = look(&config, &witness, said);
        }
    })?;
    Ok(())
}

/// One look at the folder; gives what was wrong, which is said where it was not before.
fn look(config: &Config, witness: &Witness, said: Option<String>) -> Option<String> {
    let policies = config.policies().map_err(|error| chain(&error));
    let taken = policies.and_then(|policies| {
        witness
            .take_policies(policies)
            .map_err(|error| chain(&error))
    });
    match taken {
        Ok(origins) => {
            for origin in origins {
                say(format_args!("{origin}: judged by a new policy from now on"));
            }
            None
        }
        Err(wrong) => {
            if said.as_ref() != Some(&wrong) {
                say(format_args!("the policies stay as they were: {wrong}"));
            }
            Some(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn config(folder: &Path) -> Config {
        let made = wattle_client::keyfile::generate(&folder.join("witness.pem"), None);
        made.unwrap();
        fs::create_dir(folder.join("logs")).unwrap();
        let text = "name = \"w\"\nkey = \"witness.pem\"\nlisten = \"127.0.0.1:0\"\n\
                    state = \"state\"\nlogs = \"logs\"\n";
        let path = folder.join("witness.toml");
        fs::write(&path, text).unwrap();
        Config::load(&path).unwrap()
    }

    #[test]
    fn a_file_that_is_no_policy_is_said_once_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let witness = config.witness().unwrap();
        assert_eq!(look(&config, &witness, None), None);
        fs::write(folder.path().join("logs/a.policy"), "nonsense\n").unwrap();
        let wrong = look(&config, &witness, None);
        assert!(wrong.as_ref().unwrap().contains("a.policy"), "{wrong:?}");
        assert_eq!(look(&config, &witness, wrong.clone()), wrong);
        fs::remove_file(folder.path().join("logs/a.policy")).unwrap();
        assert_eq!(look(&config, &witness, wrong), None);
        assert!(witness.status().logs.is_empty());
    }
}
