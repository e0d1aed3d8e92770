//! A server's certificate that only those trust who are told to.

use std::process::Command;

use tempfile::TempDir;

/// For `127.0.0.1`, for a day.
pub(crate) struct Certificate {
    folder: TempDir,
}

impl Certificate {
    pub(crate) fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Self { folder };
        let configuration = made.path("openssl.cnf");
        std::fs::write(
            &configuration,
            "[req]\ndistinguished_name=name\nx509_extensions=extensions\nprompt=no\n[name]\nCN=Servelink test\n\
             [extensions]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
        )
        .unwrap();
        let done = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "1",
            ])
            .args(["-config", &configuration, "-keyout", &made.key(), "-out", &made.certificate()])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        made
    }

    pub(crate) fn certificate(&self) -> String {
        self.path("certificate.pem")
    }

    pub(crate) fn key(&self) -> String {
        self.path("key.pem")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().into()
    }
}
