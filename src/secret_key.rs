//! The secret that signs user tokens: the operator's, or one made on first use and kept in the data folder.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use rand::Rng;
use secrecy::SecretString;

use crate::config::{SECRET_LENGTH, TokenArgs};

/// The operator's secret, or the one in the data folder, which is made if it is not there.
pub(crate) fn secret_key(args: &TokenArgs, data_dir: &Path) -> Result<SecretString, std::io::Error> {
    match &args.secret_key {
        Some(secret) => Ok(secret.clone()),
        None => kept_secret(&data_dir.join("secret.key"), "secret"),
    }
}

/// The 256-bit secret in this file, which is made if it is not there and is for its owner's eyes only.
pub(crate) fn kept_secret(file: &Path, what: &str) -> Result<SecretString, std::io::Error> {
    if let Some(folder) = file.parent() {
        create_private_folder(folder)?;
    }
    if !file.try_exists()? {
        make_secret(file)?;
    }
    let secret = fs::read_to_string(file)?;
    let secret = secret.trim();
    if secret.len() < SECRET_LENGTH {
        // Somebody else made it, and only a person may be sure that nobody uses it.
        let file = file.display();
        return Err(std::io::Error::other(format!(
            "the {what} in {file} is too short; delete the file to make a new one"
        )));
    }
    Ok(SecretString::from(secret))
}

/// A folder that only its owner may look into, if it is not there yet: whoever can read the data can administer it.
pub(crate) fn create_private_folder(folder: &Path) -> Result<(), std::io::Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes the file whole or not at all: whoever is killed meanwhile leaves no half of one, and of two processes that
/// make it at the same time one is first and both use what it made.
fn make_secret(file: &Path) -> Result<(), std::io::Error> {
    let [name, secret] = rand::rng().random::<[[u8; 32]; 2]>().map(hex::encode);
    let draft = file.with_extension(&name[..16]);
    let mut created = create_private(&draft)?;
    created.write_all(secret.as_bytes())?;
    created.sync_all()?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A new file that only its owner may read.
pub(crate) fn create_private(file: &Path) -> Result<File, std::io::Error> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}
