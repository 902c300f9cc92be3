// SPDX-License-Identifier: Apache-2.0
// Polynomial fingerprints modulo 2^61 - 1 under two random keys: a window of a name rolls through in one multiplication.
#include "cell/secret_traces.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/encoding.h"
#include "crypto/random.h"

namespace cell {
namespace {

constexpr std::uint64_t kModulus = (std::uint64_t{1} << 61) - 1;
constexpr std::size_t kLongest = 256;  // no name holds more
constexpr std::string_view kMark = "[redacted]";

std::uint64_t Times(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(a) * b % kModulus);
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

void Forget(std::string& text) { explicit_bzero(text.data(), text.size()); }

std::uint64_t DrawKey() {
  std::uint64_t key = 0;
  std::uint8_t bytes[sizeof key];
  // Without random bytes no run begins: ids need them first.
  (void)crypto::FillRandom(bytes);
  std::memcpy(&key, bytes, sizeof key);
  return key % (kModulus - 1000) + 500;
}

// Rolls a window of `length` over text.
class Window {
 public:
  Window(std::uint64_t key, std::size_t length) : key_(key) {
    for (std::size_t i = 0; i < length; ++i) out_ = Times(out_, key);
  }
  std::uint64_t Add(char in) { return value_ = (Times(value_, key_) + Digit(in)) % kModulus; }
  std::uint64_t Roll(char in, char gone) {
    return value_ = (Add(in) + kModulus - Times(Digit(gone), out_)) % kModulus;
  }

 private:
  static std::uint64_t Digit(char c) { return static_cast<unsigned char>(c) + 1u; }
  std::uint64_t key_, out_ = 1, value_ = 0;
};

// What stays the same of base64 (three bytes a group) or base32 (five) of `value`, with `before` bytes in front.
std::string Inner(std::string_view value, std::size_t before, unsigned bits, std::string (*encode)(base::ByteSpan)) {
  std::string padded(before, 0);
  padded.append(value);
  std::string encoded = encode(base::AsBytes(padded));
  Forget(padded);
  const std::size_t first = (before * 8 + bits - 1) / bits, end = (before + value.size()) * 8 / bits;
  std::string inner = first < end ? encoded.substr(first, end - first) : std::string();
  Forget(encoded);
  return inner;
}

std::string Base64(base::ByteSpan bytes) { return base::Base64Encode(bytes, base::Base64::kStandard); }
std::string Base64Url(base::ByteSpan bytes) { return base::Base64Encode(bytes, base::Base64::kUrl); }

// RFC 4648 section 6, without padding.
std::string Base32(base::ByteSpan bytes) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string text;
  unsigned held = 0, count = 0;
  for (const std::uint8_t byte : bytes) {
    held = held << 8 | byte;
    for (count += 8; count >= 5; count -= 5) text.push_back(kAlphabet[held >> (count - 5) & 31]);
    held &= (1u << count) - 1;
  }
  if (count != 0) text.push_back(kAlphabet[held << (5 - count) & 31]);
  return text;
}

}  // namespace

SecretTraces::SecretTraces() : key_a_(DrawKey()), key_b_(DrawKey()) {}

void SecretTraces::AddForm(std::string form) {
  std::erase(form, '.');  // Mask looks through dots
  if (form.size() >= kShortest) {
    Window a(key_a_, form.size()), b(key_b_, form.size());
    Print print;
    print.length = form.size();
    for (const char c : form) print.fingerprint = {a.Add(Lower(c)), b.Add(Lower(c))};
    if (std::find(prints_.begin(), prints_.end(), print) == prints_.end()) prints_.push_back(print);
  }
  Forget(form);
}

void SecretTraces::Add(std::string_view value) {
  constexpr std::size_t kGroup64 = 3, kGroup32 = 5;
  if (value.size() < kShortest || value.size() > kLongest) return;
  AddForm(std::string(value));
  AddForm(base::HexEncode(base::AsBytes(value)));
  for (std::size_t before = 0; before < kGroup64; ++before) {
    AddForm(Inner(value, before, 6, &Base64));
    AddForm(Inner(value, before, 6, &Base64Url));
  }
  for (std::size_t before = 0; before < kGroup32; ++before) AddForm(Inner(value, before, 5, &Base32));
}

std::string SecretTraces::Mask(std::string_view text) const {
  if (prints_.empty() || text.size() < kShortest) return std::string(text);
  std::string letters;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') continue;
    letters.push_back(Lower(text[i]));
    places.push_back(i);
  }
  std::vector<bool> hidden(text.size());
  for (const Print& print : prints_) {
    if (print.length > letters.size()) continue;
    Window a(key_a_, print.length), b(key_b_, print.length);
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const bool full = i >= print.length;
      const Fingerprint here = full ? Fingerprint{a.Roll(letters[i], letters[i - print.length]),
                                                  b.Roll(letters[i], letters[i - print.length])}
                                    : Fingerprint{a.Add(letters[i]), b.Add(letters[i])};
      if (i + 1 < print.length || here != print.fingerprint) continue;
      std::fill(hidden.begin() + static_cast<std::ptrdiff_t>(places[i + 1 - print.length]),
                hidden.begin() + static_cast<std::ptrdiff_t>(places[i]) + 1, true);
    }
  }
  std::string masked;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!hidden[i]) {
      masked.push_back(text[i]);
    } else if (i == 0 || !hidden[i - 1]) {
      masked.append(kMark);
    }
  }
  return masked;
}

}  // namespace cell
