// SPDX-License-Identifier: Apache-2.0
// Service parameters: the forms of RFC 9460 §2.2, §7, §8 that a client would act on.
#include "gate/dns/svcb.h"

#include <algorithm>

namespace gate::dns {
namespace {

bool AlpnReads(Bytes value) {
  std::size_t at = 0;
  while (at < value.size()) {
    if (value[at] == 0) return false;
    at += 1u + value[at];
  }
  return at == value.size() && at != 0;
}

bool MandatoryReads(Bytes value) {
  if (value.empty() || value.size() % 2 != 0) return false;
  std::uint16_t last = 0;
  for (std::size_t at = 0; at < value.size(); at += 2) {
    const std::uint16_t key = Read16(value, at);
    if (key <= last) return false;  // ascending, and 0 is never one of them
    last = key;
  }
  return true;
}

bool ValueReads(std::uint16_t key, Bytes value) {
  switch (key) {
    case kSvcMandatory: return MandatoryReads(value);
    case kSvcAlpn: return AlpnReads(value);
    case kSvcNoDefaultAlpn: return value.empty();
    case kSvcPort: return value.size() == 2;
    case kSvcIpv4Hint: return !value.empty() && value.size() % 4 == 0;
    case kSvcIpv6Hint: return !value.empty() && value.size() % 16 == 0;
    case kSvcEch: return !value.empty();
    default: return true;
  }
}

bool KeysAgree(Bytes data, const Svcb& svcb) {
  if (svcb.has(kSvcNoDefaultAlpn) && !svcb.has(kSvcAlpn)) return false;
  if (svcb.params.empty() || svcb.params.front().key != kSvcMandatory) return true;
  const Bytes keys = data.subspan(svcb.params.front().offset, svcb.params.front().size);
  for (std::size_t at = 0; at < keys.size(); at += 2) {
    if (!svcb.has(Read16(keys, at))) return false;
  }
  return true;
}

std::size_t HintBytes(std::uint16_t key) { return key == kSvcIpv4Hint ? 4 : key == kSvcIpv6Hint ? 16 : 0; }

// What is left of one parameter.
void AppendValue(Bytes data, const SvcParam& param, std::span<const std::uint16_t> refused,
                 std::vector<std::uint8_t>* out) {
  const std::size_t step = HintBytes(param.key);
  const Bytes value = data.subspan(param.offset, param.size);
  if (step == 0) {
    out->insert(out->end(), value.begin(), value.end());
    return;
  }
  for (std::size_t at = 0; at < value.size(); at += step) {
    if (std::ranges::binary_search(refused, static_cast<std::uint16_t>(param.offset + at))) continue;
    out->insert(out->end(), value.begin() + static_cast<std::ptrdiff_t>(at),
                value.begin() + static_cast<std::ptrdiff_t>(at + step));
  }
}

bool Stays(const SvcParam& param, bool keep_ech, std::span<const std::uint16_t> refused) {
  if (param.key == kSvcEch) return keep_ech;
  const std::size_t step = HintBytes(param.key);
  if (step == 0) return true;
  for (std::size_t at = 0; at < param.size; at += step) {
    if (!std::ranges::binary_search(refused, static_cast<std::uint16_t>(param.offset + at))) return true;
  }
  return false;
}

void Append16(std::uint16_t value, std::vector<std::uint8_t>* out) {
  out->push_back(static_cast<std::uint8_t>(value >> 8));
  out->push_back(static_cast<std::uint8_t>(value));
}

}  // namespace

bool Svcb::has(std::uint16_t key) const {
  return std::ranges::binary_search(params, key, {}, &SvcParam::key);
}

bool ReadSvcb(Bytes data, Svcb* svcb) {
  svcb->params.clear();
  if (data.size() < 3) return false;
  svcb->priority = Read16(data, 0);
  std::size_t at = ReadPlainName(data, 2, &svcb->target);
  if (at == 0) return false;
  svcb->params_at = static_cast<std::uint16_t>(at);
  int last = -1;
  while (at < data.size()) {
    if (at + 4 > data.size()) return false;
    const SvcParam param{Read16(data, at), static_cast<std::uint16_t>(at + 4), Read16(data, at + 2)};
    if (param.key <= last || at + 4 + param.size > data.size()) return false;
    if (!ValueReads(param.key, data.subspan(at + 4, param.size))) return false;
    last = param.key;
    svcb->params.push_back(param);
    at += 4u + param.size;
  }
  return KeysAgree(data, *svcb);
}

void WriteSvcb(Bytes data, const Svcb& svcb, bool keep_ech, std::span<const std::uint16_t> refused,
               std::vector<std::uint8_t>* out) {
  out->insert(out->end(), data.begin(), data.begin() + svcb.params_at);
  const auto stays = [&](std::uint16_t key) {
    const auto param = std::ranges::lower_bound(svcb.params, key, {}, &SvcParam::key);
    return param != svcb.params.end() && param->key == key && Stays(*param, keep_ech, refused);
  };
  for (const SvcParam& param : svcb.params) {
    if (!Stays(param, keep_ech, refused)) continue;
    const std::size_t head = out->size();
    Append16(param.key, out);
    Append16(0, out);
    if (param.key == kSvcMandatory) {
      for (std::size_t at = 0; at < param.size; at += 2) {
        const std::uint16_t key = Read16(data, param.offset + at);
        if (stays(key)) Append16(key, out);
      }
    } else {
      AppendValue(data, param, refused, out);
    }
    const std::size_t size = out->size() - head - 4;
    Write16(out->data() + head + 2, static_cast<std::uint16_t>(size));
    if (size == 0 && param.size != 0) out->resize(head);
  }
}

}  // namespace gate::dns
