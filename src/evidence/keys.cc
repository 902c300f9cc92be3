// SPDX-License-Identifier: Apache-2.0
// Reading, making and retiring deployment keys.
#include "evidence/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "crypto/key_file.h"
#include "sys/file.h"

namespace evidence {
namespace {

constexpr const char* kEd25519File = "deployment.ed25519.pem";
constexpr const char* kP256File = "deployment.p256.pem";
constexpr const char* kVkeyFile = "deployment.vkey";
constexpr const char* kRetired = "retired";
using std::chrono_literals::operator""ms;
constexpr std::chrono::milliseconds kLockDeadline = 10000ms, kLockPause = 5ms;
constexpr std::size_t kMaxVkeyFile = 8192;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxRetiredKeys = 4096;

base::Result<base::UniqueFd> OpenDirectory(int at, const std::string& path) {
  return sys::OpenAt(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

base::Result<base::UniqueFd> MakeDirectory(int at, const std::string& path) {
  const auto made = sys::MkdirAt(at, path, 0700);
  if (!made && made.error().kind != base::ErrorKind::kExists) return std::unexpected(made.error());
  return OpenDirectory(at, path);
}

base::Result<SealingKey> LoadEd25519(int directory, const std::string& file) {
  crypto::SigningKey key = TRY(crypto::KeyFile::LoadEd25519(directory, file));
  SealingKey sealing{.spki = crypto::SpkiOf(key.public_key())};
  sealing.ed25519 = std::move(key);
  return sealing;
}

base::Result<SealingKey> LoadP256(int directory, const std::string& file) {
  crypto::P256SigningKey key = TRY(crypto::KeyFile::LoadP256(directory, file));
  SealingKey sealing{.spki = TRY(crypto::ParseSpki(key.spki()))};
  sealing.p256 = std::move(key);
  return sealing;
}

std::string DefaultName(const crypto::PublicKey& key) {
  return fmt::format("cellos.invalid/{}", base::HexEncode(base::ByteSpan(key).first(8)));
}

base::Result<std::string> ReadName(int directory, const crypto::PublicKey& key) {
  std::string text = TRY(sys::ReadFile(directory, kVkeyFile, kMaxVkeyFile));
  if (text.ends_with('\n')) text.pop_back();
  // The very line of our own key, which was derived and needs no check of being a point, is the usual case.
  const std::string name = text.substr(0, text.find('+'));
  if (name.size() <= kMaxName && crypto::IsNoteKeyName(name) &&
      crypto::Vkey{.name = name, .type = crypto::VkeyType::kEd25519, .key = key}.ToString() == text) {
    return name;
  }
  const crypto::Vkey vkey = TRY_WITH(kVkeyFile, crypto::ParseVkey(text));
  if (vkey.type != crypto::VkeyType::kEd25519 || vkey.key != key) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("{} belongs to another key than {}", kVkeyFile, kEd25519File));
  }
  return vkey.name;
}

base::Result<DeploymentKeys> LoadFrom(int directory) {
  DeploymentKeys loaded;
  loaded.keys.push_back(TRY(LoadEd25519(directory, kEd25519File)));
  const crypto::PublicKey key = loaded.keys[0].spki.ed25519;
  auto name = ReadName(directory, key);
  if (!name && name.error().kind == base::ErrorKind::kNotFound) {
    // A crash between the two files: the default name follows from the key, a chosen one does not.
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("{} is missing beside {}; write the line that `cellos keygen` printed into it", kVkeyFile,
                                  kEd25519File));
  }
  loaded.name = TRY(std::move(name));
  auto p256 = LoadP256(directory, kP256File);
  if (p256) {
    loaded.keys.push_back(*std::move(p256));
  } else if (p256.error().kind != base::ErrorKind::kNotFound) {
    return std::unexpected(std::move(p256).error());
  }
  return loaded;
}

bool Exists(int directory, const char* name) { return sys::StatAt(directory, name, AT_SYMLINK_NOFOLLOW).has_value(); }

base::Result<> CheckName(std::string_view name) {
  const bool plain = std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  const bool fits = plain && name.size() <= kMaxName;
  if (crypto::IsNoteKeyName(name) && fits && !name.contains("/runs/") && !name.ends_with("/runs")) return {};
  return base::Fail(base::ErrorKind::kInvalid,
                    fmt::format("\"{}\" can be no deployment name: 1 to 255 bytes, no space, no '+', no control character, no "
                                "\"/runs/\"",
                                base::Escape(name)));
}

// One maker at a time: two first runs must not mix their files. Held until the descriptor is closed.
base::Result<base::UniqueFd> LockKeys(int directory) {
  base::UniqueFd lock = TRY(sys::OpenAt(directory, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  for (auto waited = 0ms; waited < kLockDeadline; waited += kLockPause) {
    if (TRY(sys::TryFlock(lock.get(), sys::Lock::kExclusive))) return lock;
    std::this_thread::sleep_for(kLockPause);
  }
  return base::Fail(base::ErrorKind::kDeadline, "another process has been making deployment keys for 10 seconds; try again");
}

// The public file comes first: a crash after it leaves nothing that could sign.
base::Result<> MakeEd25519(int directory, const std::string& wanted_name) {
  const crypto::SigningKey key = TRY(crypto::SigningKey::Generate());
  const std::string name = wanted_name.empty() ? DefaultName(key.public_key()) : wanted_name;
  const crypto::Vkey vkey{.name = name, .key = key.public_key()};
  TRY(crypto::KeyFile::StorePublic(directory, kVkeyFile, vkey.ToString() + "\n"));
  auto stored = crypto::KeyFile::StoreEd25519(directory, kEd25519File, key);
  if (!stored) (void)sys::UnlinkAt(directory, kVkeyFile);  // nothing is lost: the next call makes both
  return stored;
}

base::Result<> MakeP256(int directory) {
  const crypto::P256SigningKey key = TRY(crypto::P256SigningKey::Generate());
  return crypto::KeyFile::StoreP256(directory, kP256File, key);
}

base::Result<DeploymentKeys> GenerateIn(int directory, const KeygenOptions& options) {
  const bool has_ed25519 = Exists(directory, kEd25519File);
  const bool only_p256_missing = has_ed25519 && options.p256 && options.name.empty() && !Exists(directory, kP256File);
  if (has_ed25519 && !only_p256_missing) {
    return base::Fail(base::ErrorKind::kExists, fmt::format("{} exists already; a key is never overwritten", kEd25519File));
  }
  if (!has_ed25519 && Exists(directory, kVkeyFile)) {
    // Those who verify know this public key: a new one in its place would make strangers of all earlier runs.
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("{0} is missing beside {1}; put the private key back from a copy, or, when it is lost or was "
                                  "never finished, move {1} away and give the new one to those who verify",
                                  kEd25519File, kVkeyFile));
  }
  if (!has_ed25519) TRY(MakeEd25519(directory, options.name));
  if (options.p256) TRY(MakeP256(directory));
  return LoadFrom(directory);
}

base::Result<> RetireFile(int directory, int retired, const char* file, const std::string& as) {
  return sys::RenameAt(directory, file, retired, as, RENAME_NOREPLACE);
}

// Adds every key of `directory` whose id is wanted and not found yet.
base::Result<> Collect(int directory, const std::string& file, const std::vector<std::string>& wanted,
                       std::vector<SealingKey>& found) {
  base::Result<SealingKey> key = file.ends_with(".p256.pem") ? LoadP256(directory, file) : LoadEd25519(directory, file);
  if (!key) {
    if (key.error().kind == base::ErrorKind::kNotFound) return {};
    return std::unexpected(std::move(key).error());
  }
  const bool is_wanted = std::ranges::find(wanted, key->spki.key_id) != wanted.end();
  const bool known = std::ranges::any_of(found, [&](const SealingKey& other) { return other.spki.key_id == key->spki.key_id; });
  if (is_wanted && !known) found.push_back(*std::move(key));
  return {};
}

}  // namespace

base::Result<base::Bytes> SealingKey::Sign(std::string_view message) const {
  if (p256) return p256->Sign(base::AsBytes(message));
  const crypto::Signature signature = ed25519->Sign(message);
  return base::Bytes(signature.begin(), signature.end());
}

base::Result<DeploymentKeys> LoadDeploymentKeys(const std::string& keys_directory) {
  const base::UniqueFd directory = TRY(OpenDirectory(AT_FDCWD, keys_directory));
  return TRY_WITH(fmt::format("deployment key in {}", keys_directory), LoadFrom(directory.get()));
}

base::Result<DeploymentKeys> GenerateDeploymentKeys(const std::string& keys_directory, const KeygenOptions& options) {
  if (!options.name.empty()) TRY(CheckName(options.name));
  const base::UniqueFd directory = TRY(MakeDirectory(AT_FDCWD, keys_directory));
  const base::UniqueFd lock = TRY(LockKeys(directory.get()));
  return GenerateIn(directory.get(), options);
}

base::Result<LoadedKeys> LoadOrGenerateDeploymentKeys(const std::string& keys_directory) {
  auto loaded = LoadDeploymentKeys(keys_directory);
  if (loaded) return LoadedKeys{*std::move(loaded), false};
  if (loaded.error().kind != base::ErrorKind::kNotFound) return std::unexpected(std::move(loaded).error());
  auto made = GenerateDeploymentKeys(keys_directory, {});
  // Two first runs at once: the one that came second uses what the first made.
  if (!made && made.error().kind == base::ErrorKind::kExists) return LoadedKeys{TRY(LoadDeploymentKeys(keys_directory)), false};
  return LoadedKeys{TRY(std::move(made)), true};
}

base::Result<DeploymentKeys> RotateDeploymentKeys(const std::string& keys_directory, const KeygenOptions& options) {
  if (!options.name.empty()) TRY(CheckName(options.name));
  const base::UniqueFd directory = TRY(OpenDirectory(AT_FDCWD, keys_directory));
  const base::UniqueFd lock = TRY(LockKeys(directory.get()));
  const DeploymentKeys old = TRY(LoadFrom(directory.get()));
  const base::UniqueFd retired = TRY(MakeDirectory(directory.get(), kRetired));
  for (const SealingKey& key : old.keys) {
    const bool p256 = key.p256.has_value();
    TRY(RetireFile(directory.get(), retired.get(), p256 ? kP256File : kEd25519File,
                   fmt::format("{}.{}.pem", key.spki.key_id, p256 ? "p256" : "ed25519")));
  }
  TRY(sys::UnlinkAt(directory.get(), kVkeyFile));
  TRY(sys::Fsync(retired.get()));
  KeygenOptions renewed = options;
  if (renewed.name.empty() && old.name != DefaultName(old.keys[0].spki.ed25519)) renewed.name = old.name;
  return GenerateIn(directory.get(), renewed);
}

base::Result<std::vector<SealingKey>> LoadRetiredKeys(const std::string& keys_directory) {
  const base::UniqueFd directory = TRY(OpenDirectory(AT_FDCWD, keys_directory));
  std::vector<SealingKey> found;
  const auto retired = OpenDirectory(directory.get(), kRetired);
  if (!retired) return found;
  for (const sys::DirectoryEntry& entry : TRY(sys::ListDirectory(retired->get(), kMaxRetiredKeys))) {
    TRY(Collect(retired->get(), entry.name, {entry.name.substr(0, entry.name.find('.'))}, found));
  }
  return found;
}

base::Result<std::vector<SealingKey>> FindSealingKeys(const std::string& keys_directory,
                                                      const std::vector<std::string>& key_ids) {
  const base::UniqueFd directory = TRY(OpenDirectory(AT_FDCWD, keys_directory));
  std::vector<SealingKey> found;
  TRY(Collect(directory.get(), kEd25519File, key_ids, found));
  TRY(Collect(directory.get(), kP256File, key_ids, found));
  if (auto retired = OpenDirectory(directory.get(), kRetired); retired && found.size() < key_ids.size()) {
    for (const sys::DirectoryEntry& entry : TRY(sys::ListDirectory(retired->get(), kMaxRetiredKeys))) {
      const bool wanted = std::ranges::any_of(key_ids, [&](const std::string& id) { return entry.name.starts_with(id + "."); });
      if (wanted) TRY(Collect(retired->get(), entry.name, key_ids, found));
    }
  }
  std::vector<SealingKey> ordered;
  for (const std::string& id : key_ids) {
    const auto key = std::ranges::find_if(found, [&](const SealingKey& candidate) { return candidate.spki.key_id == id; });
    if (key == found.end()) {
      return base::Fail(base::ErrorKind::kNotFound,
                        fmt::format("no private key {} in {}: only whoever holds it can seal this run", base::Escape(id), keys_directory));
    }
    ordered.push_back(std::move(*key));
    found.erase(key);
  }
  return ordered;
}

}  // namespace evidence
