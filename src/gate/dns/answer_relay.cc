// SPDX-License-Identifier: Apache-2.0
// Writes what the client gets of an upstream's answer: the same bytes, or the records that are left.
#include <algorithm>
#include <array>
#include <string>

#include "gate/dns/answer.h"
#include "gate/dns/decision.h"
#include "gate/dns/reply.h"
#include "gate/dns/svcb.h"

namespace gate::dns {
namespace {

constexpr std::uint16_t kOptionExtendedError = 15;

// Names in the data of a type: n a name, 2 two bytes, s a counted text, * the rest as it is. Every type that ever was
// sent compressed (RFC 3597 §4); all others are copied.
const char* LayoutOf(std::uint16_t type) {
  switch (type) {
    case kTypeNs: case 3: case 4: case kTypeCname: case 7: case 8: case 9: case kTypePtr: case kTypeDname: return "n";
    case kTypeSoa: return "nn*";
    case 14: case 17: return "nn";                                  // MINFO, RP
    case kTypeMx: case 18: case 21: case 36: return "2n";           // MX, AFSDB, RT, KX
    case 26: return "2nn";                                          // PX
    case 30: return "n*";                                           // NXT
    case kTypeSrv: return "222n";
    case 35: return "22sssn";                                       // NAPTR
    case 24: return "222222222n*";                                  // SIG
    default: return "*";
  }
}

class Writer {
 public:
  Writer(const Answer& answer, const Question& question, std::vector<std::uint8_t>* out)
      : answer_(answer), out_(*out) {
    out_.clear();
    out_.resize(kHeaderBytes);
    Write16(out_.data(), question.id);
    Write16(out_.data() + 2, static_cast<std::uint16_t>(answer.flags & ~kFlagAd));
    Write16(out_.data() + 4, 1);
    const Bytes section = question.section();
    out_.insert(out_.end(), section.begin(), section.end());
    ReadName(question.message, kHeaderBytes, &asked_);
  }

  bool Add(const Record& record) { return Begin(record) && AppendData(record) && Finish(record); }
  bool AddService(const Record& record, const Svcb& svcb, bool keep_ech, std::span<const std::uint16_t> refused) {
    if (!Begin(record)) return false;
    WriteSvcb(answer_.data(record), svcb, keep_ech, refused, &out_);
    return Finish(record);
  }
  // The OPT record with one more option.
  bool AddOpt(const Record& record, std::uint16_t code, std::string_view text) {
    if (!Begin(record) || !AppendData(record)) return false;
    Append16(kOptionExtendedError);
    Append16(static_cast<std::uint16_t>(2 + text.size()));
    Append16(code);
    out_.insert(out_.end(), text.begin(), text.end());
    return Finish(record);
  }

 private:
  void Append16(std::uint16_t value) {
    out_.push_back(static_cast<std::uint8_t>(value >> 8));
    out_.push_back(static_cast<std::uint8_t>(value));
  }

  bool Begin(const Record& record) {
    Name owner, folded;
    if (ReadCasedName(answer_.message, record.start, &owner) == 0) return false;
    ReadName(answer_.message, record.start, &folded);
    if (folded == asked_) {
      Append16(0xc000u | kHeaderBytes);
    } else if (last_at_ != 0 && folded == last_) {
      Append16(static_cast<std::uint16_t>(0xc000u | last_at_));
    } else {
      last_at_ = owner.size > 2 && out_.size() < 0x4000 ? out_.size() : 0;
      last_ = folded;
      out_.insert(out_.end(), owner.bytes().begin(), owner.bytes().end());
    }
    const Bytes fixed = answer_.message.subspan(record.data - 10, 10);
    out_.insert(out_.end(), fixed.begin(), fixed.end());
    data_at_ = out_.size();
    return true;
  }

  bool AppendData(const Record& record) {
    const Bytes message = answer_.message.first(record.end());
    std::size_t at = record.data;
    const auto copy = [&](std::size_t bytes) {
      if (at + bytes > message.size()) return false;
      out_.insert(out_.end(), message.begin() + static_cast<std::ptrdiff_t>(at),
                  message.begin() + static_cast<std::ptrdiff_t>(at + bytes));
      at += bytes;
      return true;
    };
    for (const char* step = record.record_class == kClassIn ? LayoutOf(record.type) : "*"; *step != 0; ++step) {
      if (*step == 'n') {
        Name name;
        at = ReadCasedName(message, at, &name);
        if (at == 0) return false;
        out_.insert(out_.end(), name.bytes().begin(), name.bytes().end());
      } else if (*step == '*' ? !copy(message.size() - at)
                              : !(at < message.size() && copy(*step == 's' ? 1u + message[at] : 2u))) {
        return false;
      }
    }
    return at == record.end();
  }

  bool Finish(const Record& record) {
    const std::size_t size = out_.size() - data_at_;
    if (size > 0xffff || out_.size() > kMaxMessageBytes) return false;
    Write16(out_.data() + data_at_ - 2, static_cast<std::uint16_t>(size));
    std::uint8_t* count = out_.data() + 6 + 2 * static_cast<std::size_t>(record.section);
    Write16(count, static_cast<std::uint16_t>(Read16({count, 2}, 0) + 1));
    return true;
  }

  const Answer& answer_;
  std::vector<std::uint8_t>& out_;
  Name asked_, last_;
  std::size_t last_at_ = 0, data_at_ = 0;
};

// What is to be done with the records of one answer.
class Relay {
 public:
  Relay(const Answer& answer, const Question& question, const Judgement& judgement, const RelayOptions& options)
      : answer_(answer), question_(question), judgement_(judgement), options_(options) {}

  std::optional<Relayed> Write(std::vector<std::uint8_t>* out) {
    Relayed relayed = Sum();
    if (relayed.refusal.refused()) return Refuse(relayed, out);
    if (!Changes()) {
      out->assign(answer_.message.begin(), answer_.message.end());
      RestoreQuestion(*out, question_);
      return relayed;
    }
    MarkChanges(&relayed);
    relayed.changed = true;
    return Rewrite(out) ? std::optional(relayed) : std::nullopt;
  }

 private:
  enum class Fate : std::uint8_t { kStays, kGoes, kRewritten };
  using SetKey = std::uint64_t;  // owner's hash, type: of a set that changes; a collision costs one signature

  static SetKey KeyOf(const Record& record, std::uint16_t type) { return SetKey{record.owner_hash} << 16 | type; }

  Relayed Sum() const {
    Relayed relayed;
    relayed.rcode = answer_.rcode;
    const Target* first = nullptr;
    for (const Target& target : judgement_.targets) {
      if (target.refusal.refused()) ++relayed.removed;
      if (target.role != TargetRole::kAnswer) continue;
      if (!target.refusal.refused()) {
        ++relayed.targets;
      } else if (first == nullptr) {
        first = &target;
      }
    }
    if (judgement_.chain.refused()) {
      relayed.refusal = judgement_.chain;
    } else if (relayed.targets == 0 && first != nullptr) {
      relayed.refusal = first->refusal;
    }
    if (relayed.refusal.refused()) relayed.targets = 0;
    return relayed;
  }

  std::optional<Relayed> Refuse(Relayed relayed, std::vector<std::uint8_t>* out) const {
    relayed.changed = true;
    Writer writer(answer_, question_, out);
    if (answer_.opt < 0 || options_.dnssec_added) return relayed;
    std::array<char, 160> buffer;
    const std::string_view text = DenialText(relayed.refusal.reason, relayed.refusal.rule, buffer);
    if (!writer.AddOpt(answer_.records[static_cast<std::size_t>(answer_.opt)], kEdeFiltered, text)) return std::nullopt;
    return relayed;
  }

  void Change(std::uint32_t position, Fate fate) {
    const Record& record = answer_.records[position];
    fates_[position] = fate;
    changed_sets_.push_back(KeyOf(record, record.type));
  }

  bool HasEch(const Record& record) {
    if (record.record_class != kClassIn || (record.type != kTypeHttps && record.type != kTypeSvcb)) return false;
    return ReadSvcb(answer_.data(record), &svcb_) && svcb_.has(kSvcEch);
  }

  bool AddedForUs(const Record& record) const {
    const bool proof = record.type == kTypeRrsig || record.type == kTypeNsec || record.type == kTypeNsec3;
    return record.type == kTypeOpt || (proof && record.type != question_.type);
  }

  bool Changes() {
    if (!judgement_.unreadable.empty()) return true;
    const auto refused = [](const Target& target) { return target.refusal.refused(); };
    if (std::ranges::any_of(judgement_.targets, refused)) return true;
    return std::ranges::any_of(answer_.records, [this](const Record& record) {
      return (!options_.keep_ech && HasEch(record)) || (options_.dnssec_added && AddedForUs(record));
    });
  }

  void MarkChanges(Relayed* relayed) {
    fates_.assign(answer_.records.size(), Fate::kStays);
    for (const Target& target : judgement_.targets) {
      if (!target.refusal.refused()) continue;
      const std::uint16_t type = answer_.records[target.record].type;
      Change(target.record, type == kTypeA || type == kTypeAaaa ? Fate::kGoes : Fate::kRewritten);
    }
    for (const std::uint32_t position : judgement_.unreadable) {
      Change(position, Fate::kGoes);
      ++relayed->removed;
    }
    for (std::uint32_t i = 0; i < answer_.records.size(); ++i) {
      if (!options_.keep_ech && HasEch(answer_.records[i])) Change(i, Fate::kRewritten);
    }
    MarkSignatures();
    for (std::uint32_t i = 0; options_.dnssec_added && i < answer_.records.size(); ++i) {
      if (AddedForUs(answer_.records[i])) fates_[i] = Fate::kGoes;
    }
  }

  void MarkSignatures() {
    if (changed_sets_.empty()) return;
    std::ranges::sort(changed_sets_);
    for (std::uint32_t i = 0; i < answer_.records.size(); ++i) {
      const Record& record = answer_.records[i];
      if (record.type != kTypeRrsig || record.size < 2) continue;
      const std::uint16_t covered = Read16(answer_.message, record.data);
      if (std::ranges::binary_search(changed_sets_, KeyOf(record, covered))) fates_[i] = Fate::kGoes;
    }
  }

  bool Rewrite(std::vector<std::uint8_t>* out) {
    Writer writer(answer_, question_, out);
    for (std::uint32_t i = 0; i < answer_.records.size(); ++i) {
      const Record& record = answer_.records[i];
      if (fates_[i] == Fate::kGoes) continue;
      if (fates_[i] == Fate::kStays ? !writer.Add(record) : !AddService(&writer, i)) return false;
    }
    return true;
  }

  bool AddService(Writer* writer, std::uint32_t position) {
    const Record& record = answer_.records[position];
    if (!ReadSvcb(answer_.data(record), &svcb_)) return false;
    refused_hints_.clear();
    // Targets stand in the order of their records and, within one, of their offsets.
    const auto of_record = std::ranges::equal_range(judgement_.targets, position, {}, &Target::record);
    for (const Target& target : of_record) {
      if (target.refusal.refused()) refused_hints_.push_back(target.offset);
    }
    return writer->AddService(record, svcb_, options_.keep_ech, refused_hints_);
  }

  const Answer& answer_;
  const Question& question_;
  const Judgement& judgement_;
  const RelayOptions& options_;
  std::vector<Fate> fates_;
  std::vector<SetKey> changed_sets_;
  std::vector<std::uint16_t> refused_hints_;
  Svcb svcb_;
};

}  // namespace

std::optional<Relayed> RelayAnswer(const Answer& answer, const Question& question, const Judgement& judgement,
                                   const RelayOptions& options, std::vector<std::uint8_t>* out) {
  return Relay(answer, question, judgement, options).Write(out);
}

}  // namespace gate::dns
