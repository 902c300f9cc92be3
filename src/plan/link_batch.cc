// SPDX-License-Identifier: Apache-2.0
// The cell's only interface: every address is local to it, so that every packet meets the cell's own hooks.
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "plan/netlink_writer.h"
#include "plan/nft_table.h"

namespace plan {
namespace {

constexpr std::uint32_t kLoopback = 1;  // index of `lo` in every network namespace

template <class T>
std::string Fixed(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string AddressBytes(bool v6) {
  if (!v6) return {reinterpret_cast<const char*>(wire::kCellAddress4), sizeof wire::kCellAddress4};
  const auto address = base::ParseIpAddress(wire::kCellAddress6);
  return {reinterpret_cast<const char*>(address->bytes.data()), address->bytes.size()};
}

}  // namespace

std::string LinkBatch() {
  std::string batch;
  std::uint32_t sequence = 0;
  const auto add = [&](std::uint16_t type, int flags, std::string_view fixed, const Attributes& attributes) {
    AppendMessage(&batch, type, static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags), ++sequence, fixed,
                  attributes);
  };
  ifinfomsg link = {};
  link.ifi_index = kLoopback;
  link.ifi_flags = link.ifi_change = IFF_UP;
  add(RTM_NEWLINK, 0, Fixed(link), {});
  for (const bool v6 : {false, true}) {
    ifaddrmsg address = {};
    address.ifa_family = v6 ? AF_INET6 : AF_INET;
    address.ifa_prefixlen = v6 ? 128 : 32;
    address.ifa_flags = v6 ? IFA_F_NODAD : 0;
    address.ifa_scope = RT_SCOPE_UNIVERSE;
    address.ifa_index = kLoopback;
    add(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, Fixed(address),
        Attributes().Put(IFA_LOCAL, AddressBytes(v6)).Put(IFA_ADDRESS, AddressBytes(v6)));
  }
  for (const bool v6 : {false, true}) {
    rtmsg route = {};
    route.rtm_family = v6 ? AF_INET6 : AF_INET;
    route.rtm_table = RT_TABLE_LOCAL;
    route.rtm_protocol = RTPROT_BOOT;
    route.rtm_scope = v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST;
    route.rtm_type = RTN_LOCAL;
    add(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, Fixed(route),
        Attributes()
            .Put(RTA_PREFSRC, AddressBytes(v6))
            .Put(RTA_OIF, {reinterpret_cast<const char*>(&kLoopback), sizeof kLoopback}));
  }
  return batch;
}

}  // namespace plan
