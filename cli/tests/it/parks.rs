//! A park of one node, founded by the command itself; its log and export are made by the ledger.

use std::fs;
use std::path::{Path, PathBuf};

use wattle_client::{Author, keyfile};
use wattle_ledger::batch::Batch;
use wattle_ledger::event::Action;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::ledger::Ledger;
use wattle_ledger::log::checkpoint::Checkpoint;
use wattle_ledger::log::cosignature::Cosignature;
use wattle_ledger::log::note::Note;
use wattle_ledger::log::tiles::TileBuilder;
use wattle_ledger::registration::{NodeId, Participant, ParticipantId};

use super::program::wattle;

/// A founded park of one node.
pub(crate) struct Park {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) genesis: Genesis,
}

impl Park {
    /// `wattle node init`, then `wattle park init`.
    pub(crate) fn founded() -> Park {
        let folder = tempfile::tempdir().unwrap();
        let node = folder.path().join("node");
        wattle(&node, &["node", "init", "--id", "1", "--building", "1"]).succeeded();
        let record = node.join("node.json");
        let words = [
            "park",
            "init",
            "--no-passphrase",
            "--node",
            record.to_str().unwrap(),
        ];
        wattle(&folder.path().join("park"), &words).succeeded();
        let genesis = fs::read(folder.path().join("park/genesis")).unwrap();
        let genesis = Genesis::parse(&genesis).unwrap();
        Park { folder, genesis }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Genesis, a batch header, one registration and the seal that ends the batch.
    pub(crate) fn leaves(&self) -> Vec<Vec<u8>> {
        let registrar = keyfile::read(&self.path("park/registrar.pem"), None).unwrap();
        let mut author = Author::new(self.genesis.park(), registrar, 1);
        let mill = Participant {
            id: ParticipantId(1),
            name: "mill".to_owned(),
        };
        let start = self.genesis.body().first_interval.gate_closure();
        let start = start.minus_millis(600_000);
        let event = author.sign(Action::RegisterParticipant(mill), start);
        self.leaves_of(vec![event.bytes().to_vec()])
    }

    /// Genesis, a batch of some events and the seal that ends it.
    pub(crate) fn leaves_of(&self, events: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let batch_key = self.node_key("batch");
        let start = self.genesis.body().first_interval.gate_closure();
        let start = start.minus_millis(600_000);
        let mut ledger = Ledger::found(&self.genesis);
        let mut leaves = vec![self.genesis.leaf()];
        let park = self.genesis.park();
        let batch = Batch::sign(park, (NodeId(1), &batch_key), 1, start, events);
        let applied = ledger.apply(1, &batch.encode());
        assert_eq!(applied.refused, None);
        assert!(
            applied.sealed.is_some(),
            "the first event is sealed with its batch"
        );
        leaves.extend(applied.leaves);
        leaves
    }

    pub(crate) fn node_key(&self, name: &str) -> SigningKey {
        keyfile::read(&self.path("node/keys").join(format!("{name}.pem")), None).unwrap()
    }

    /// Writes the log as an export that the node's keys sign and cosign.
    pub(crate) fn export(&self, name: &str) -> PathBuf {
        self.export_of(name, &self.leaves())
    }

    /// The same with another leaf in one place.
    pub(crate) fn export_with(&self, name: &str, at: usize, leaf: &[u8]) -> PathBuf {
        let mut leaves = self.leaves();
        leaves[at] = leaf.to_vec();
        self.export_of(name, &leaves)
    }

    /// The signed checkpoint of the first leaves.
    pub(crate) fn checkpoint_of_first(&self, size: usize) -> String {
        let mut builder = TileBuilder::new();
        for leaf in &self.leaves()[..size] {
            builder.push(leaf);
        }
        self.signed(size as u64, builder.root()).to_string()
    }

    pub(crate) fn export_of(&self, name: &str, leaves: &[Vec<u8>]) -> PathBuf {
        let directory = self.path(name);
        let mut builder = TileBuilder::new();
        for leaf in leaves {
            builder.push(leaf);
        }
        for file in builder.partials() {
            write(&directory.join(file.path.to_string()), &file.bytes);
        }
        let note = self.signed(leaves.len() as u64, builder.root());
        write(&directory.join("checkpoint"), note.to_string().as_bytes());
        directory
    }

    /// A head that the node's keys sign and cosign.
    pub(crate) fn signed(&self, size: u64, root: Hash) -> Note {
        let checkpoint = Checkpoint::new(self.genesis.origin(), size, root).unwrap();
        let mut note = checkpoint.to_note();
        note.add(checkpoint.sign(&self.node_key("log"))).unwrap();
        let cosigner = self.node_key("cosigner");
        let cosignature = Cosignature::sign(&checkpoint.text(), 1_782_000_000, &cosigner).unwrap();
        let name = self.genesis.cosigner_name(NodeId(1));
        let line = cosignature
            .to_note_signature(&name, &cosigner.public())
            .unwrap();
        note.add(line).unwrap();
        note
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
