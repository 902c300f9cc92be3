// SPDX-License-Identifier: Apache-2.0
// cellos verify and cellos show: the judging and telling is the evidence room's.
#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/subject.h"
#include "evidence/show.h"
#include "evidence/verify/verify.h"

namespace cli {

int Verify(const Options& options) {
  const auto subject = FindSubject(options);
  if (!subject) {
    PrintError(subject.error().message);
    return subject.error().status;
  }
  const auto report = options.leaf ? evidence::VerifyProof(subject->path, *options.leaf, subject->keys)
                                   : evidence::VerifyRun(subject->path, subject->keys);
  if (report.verdict == evidence::Verdict::kUsage && !options.json) {
    PrintError(base::Escape(report.fault, 1000));
    return kUsage;
  }
  auto text = options.json ? report.ToJson() : report.ToText();
  if (!text.ends_with('\n')) text += '\n';
  return PrintOut(text) ? evidence::ExitStatus(report.verdict) : kFailed;
}

int Show(const Options& options) {
  const auto subject = FindSubject(options);
  if (!subject) {
    PrintError(subject.error().message);
    return subject.error().status;
  }
  const auto report = evidence::VerifyRun(subject->path, subject->keys);
  if (report.verdict == evidence::Verdict::kUsage) {
    PrintError(base::Escape(report.fault, 1000));
    return kUsage;
  }
  bool printed = true;
  const auto shown = evidence::ShowRun(subject->path, report, {}, [&](std::string_view text) {
    printed = printed && PrintOut(text);
  });
  if (!shown) return Fail(shown.error());
  // What was shown as proven has to be: an invalid run is told, but never with success.
  return printed && report.verdict != evidence::Verdict::kInvalid ? kOk : kFailed;
}

}  // namespace cli
