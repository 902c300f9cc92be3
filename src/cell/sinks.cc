// SPDX-License-Identifier: Apache-2.0
// Two files at most: the one of --events and the mirror that the published variable names.
#include "cell/sinks.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <utility>

#include "base/encoding.h"
#include "event/jsonl_file.h"
#include "event/outside_sink.h"
#include "sys/file.h"

namespace cell {
namespace {

std::unexpected<base::Error> At(std::string_view step, base::Error error) {
  error.step = step;
  return std::unexpected(std::move(error));
}

std::optional<std::string> Given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

base::Result<std::optional<event::EventSigner>> SignerOf(const Settings& settings, const crypto::SigningKey& key,
                                                         const std::string& name) {
  if (settings.sign_with_deployment_key) return event::EventSigner::WithKey(key, name);
  auto signer = event::SignerFromSettings(
      {Given(settings.signing_mode), Given(settings.signing_kid), Given(settings.signing_key)});
  if (!signer) {
    return base::Fail(base::ErrorKind::kInvalid, signer.error().setting + ": " + signer.error().message);
  }
  return std::move(*signer);
}

base::Result<std::optional<event::EventSigner>> TelemetrySignerOf(const Settings& settings) {
  auto signer = event::TelemetrySignerFromSettings({settings.telemetry_signing, settings.telemetry_signing_kid,
                                                    settings.telemetry_signing_hmac_key, settings.telemetry_signing_seed});
  if (!signer) {
    return base::Fail(base::ErrorKind::kInvalid, signer.error().setting + ": " + signer.error().message);
  }
  return std::move(*signer);
}

// Judged by where the directory of `path` is, whatever links led there.
base::Result<> RefuseInside(int state, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const auto canonical = [](int fd) { return sys::ReadLinkAt(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd)); };
  const base::UniqueFd directory = TRY(sys::OpenAt(AT_FDCWD, parent, O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string inside = TRY(canonical(state)) + "/", place = TRY(canonical(directory.get())) + "/";
  if (!place.starts_with(inside)) return {};
  return base::Fail(base::ErrorKind::kDenied,
                    base::Escape(path) + " lies in the state directory, among evidence and keys; name another file");
}

}  // namespace

base::Result<Sinks> MakeSinks(const Settings& settings, const crypto::SigningKey& deployment_key,
                              const std::string& deployment_name, int state, const base::Clock& clock) {
  Sinks made;
  const auto add = [&](const std::string& path, EventsForm form) -> base::Result<> {
    if (path.empty()) return {};
    if (auto outside = RefuseInside(state, path); !outside) return At("sink", std::move(outside).error());
    auto file = event::JsonlFile::Open(path, {.clock = &clock});
    if (!file) return At("sink", std::move(file).error());
    if (!(*file)->recovered().empty()) made.notes.push_back((*file)->recovered());
    event::OutsideSink::Options options{
        .form = form == EventsForm::kLog ? event::EventsForm::kLog : event::EventsForm::kPublished,
        .redaction = event::Redaction::FromSetting(Given(settings.redact_fields))};
    auto signer = SignerOf(settings, deployment_key, deployment_name);
    if (!signer) return At("signing", std::move(signer).error());
    options.signer = std::move(*signer);
    auto telemetry_signer = TelemetrySignerOf(settings);
    if (!telemetry_signer) return At("signing", std::move(telemetry_signer).error());
    options.telemetry_signer = std::move(*telemetry_signer);
    if (!settings.dlq_dir.empty()) {
      auto letters = event::DeadLetters::Open(settings.dlq_dir, clock);
      if (!letters) return At("sink", std::move(letters).error());
      options.dead_letters = std::move(*letters);
    }
    made.sinks.push_back(std::make_unique<event::OutsideSink>(std::move(*file), std::move(options)));
    return {};
  };
  TRY(add(settings.events_path, settings.events_form));
  TRY(add(settings.mirror_path, EventsForm::kPublished));
  if (made.sinks.empty()) {
    // Asked-for signing that can't work is told even where nothing would be signed.
    auto signer = SignerOf(settings, deployment_key, deployment_name);
    if (!signer) return At("signing", std::move(signer).error());
    auto telemetry_signer = TelemetrySignerOf(settings);
    if (!telemetry_signer) return At("signing", std::move(telemetry_signer).error());
  }
  return made;
}

}  // namespace cell
