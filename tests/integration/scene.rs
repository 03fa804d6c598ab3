//! A folder with something that is granted and something that is not.

use std::path::PathBuf;

use sandlock::PolicyBuilder;
use tempfile::TempDir;

use crate::harness::policy;

/// `granted/note`, `granted/folder/`, `hidden/secret`, `hidden/folder/`, each file with its own
/// name as content, in a temporary directory of its own.
pub(crate) struct Scene {
    folder: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let scene = Scene { folder: tempfile::tempdir().unwrap() };
        for (folder, file) in [("granted", "note"), ("hidden", "secret")] {
            std::fs::create_dir_all(scene.path(folder).join("folder")).unwrap();
            std::fs::write(scene.path(folder).join(file), file).unwrap();
        }
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn content(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// `granted` may be read, nothing else.
    pub(crate) fn reads_granted(&self) -> PolicyBuilder {
        policy().fs_read(self.path("granted"))
    }

    /// `granted` may be read and written, nothing else.
    pub(crate) fn writes_granted(&self) -> PolicyBuilder {
        policy().fs_write(self.path("granted"))
    }

    /// Everything in the folder may be read.
    pub(crate) fn reads_all(&self) -> PolicyBuilder {
        policy().fs_read(self.folder.path())
    }

    /// Everything in the folder may be read and written.
    pub(crate) fn writes_all(&self) -> PolicyBuilder {
        policy().fs_write(self.folder.path())
    }
}
