// SPDX-License-Identifier: Apache-2.0
// Starting cellos-upstream: which certificates and trust anchors it gets.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/encoding.h"
#include "cell/network/network_session.h"
#include "cell/network/programs.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace cell {
namespace {

constexpr char kCertificates[] = "/etc/ssl/certs/ca-certificates.crt";
constexpr off_t kMaxAnchorsBytes = 32 << 10;

bool Encrypted(const plan::NetworkPlan& network) {
  return std::ranges::any_of(network.resolvers, [](const plan::NetworkResolver& resolver) {
    return resolver.transport == wire::Transport::kDot || resolver.transport == wire::Transport::kDoh;
  });
}

base::Result<base::UniqueFd> OpenCertificates(const plan::NetworkPlan& network) {
  auto file = sys::OpenAt(AT_FDCWD, kCertificates, O_RDONLY | O_CLOEXEC);
  if (file) return file;
  if (!Encrypted(network)) return base::UniqueFd();
  return std::unexpected(std::move(file).error().With("encrypted resolvers need the system's certificates "
                                                      "(Debian package ca-certificates)"));
}

// One file for all resolvers; no link, a regular file of at most 32 KiB.
base::Result<base::UniqueFd> OpenAnchors(const plan::NetworkPlan& network) {
  std::string path;
  for (const plan::NetworkResolver& resolver : network.resolvers) {
    if (resolver.dnssec == wire::DnssecMode::kOff || resolver.trust_anchors_path.empty()) continue;
    if (!path.empty() && path != resolver.trust_anchors_path) {
      return base::Fail(base::ErrorKind::kInvalid, "authority.dnsAuthority.resolvers: two different files of trust anchors");
    }
    path = resolver.trust_anchors_path;
  }
  if (path.empty()) return base::UniqueFd();
  const std::string what = "trust anchors " + base::Escape(path);
  base::UniqueFd file =
      TRY_WITH(what, sys::OpenAt(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  const struct stat info = TRY_WITH(what, sys::Fstat(file.get()));
  if (S_ISREG(info.st_mode) && info.st_size <= kMaxAnchorsBytes) return file;
  return base::Fail(base::ErrorKind::kInvalid, what + ": allowed is a regular file of at most 32 KiB");
}

}  // namespace

base::Result<> NetworkSession::StartUpstream(base::UniqueFd gate_end) {
  const bool by_root = o_.plan->ids_from_range;
  auto [ours, its] = TRY(sys::SocketPair(SOCK_SEQPACKET));
  upstream_dials_ = TRY(Dialler::Create(Dialler::Asker::kUpstream, network(), *o_.clock, std::move(ours),
                                        [this](const std::string& target, const char* why) { OnRefusedDial(target, why); }));
  const base::UniqueFd certificates = TRY(OpenCertificates(network()));
  const base::UniqueFd anchors = TRY(OpenAnchors(network()));
  plan::NetworkPlan its_own = network();
  its_own.gate_filter = network().upstream_filter;
  upstream_ = TRY(Helper::Start({.name = kUpstreamProgram,
                                 .program = o_.programs->upstream.get(),
                                 .config = plan::EncodeGateConfig(its_own, {}),
                                 .descriptors = {its.get(), gate_end.get(), certificates.get(), anchors.get()},
                                 .host_uid = by_root ? o_.cell_uid + 2 : o_.cell_uid,
                                 .host_gid = by_root ? o_.cell_gid + 2 : o_.cell_gid,
                                 .loopback = true,
                                 .clock = o_.clock}));
  return {};
}

}  // namespace cell
