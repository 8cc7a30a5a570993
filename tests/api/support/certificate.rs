//! Certificates of servers, so that TLS is tested with real verification.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Creates a self-signed certificate for this host. Returns its file, and that of its key.
pub fn make_certificate(folder: &Path, host: &str) -> (PathBuf, PathBuf) {
    let generated = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
    fs::write(&certificate, generated.cert.pem()).unwrap();
    fs::write(&key, generated.signing_key.serialize_pem()).unwrap();
    #[cfg(unix)]
    for (path, mode) in [(folder, 0o755), (&key, 0o644)] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    (certificate, key)
}
