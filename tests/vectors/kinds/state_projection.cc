// SPDX-License-Identifier: Apache-2.0
// Vectors of the state that a stream of events tells.
#include <string>
#include <vector>

#include "event/json_object.h"
#include "event/projection.h"
#include "vectors/kind.h"

namespace vectors {

Outcome JudgeStateProjection(const json::Value& record, const Source&) {
  const json::Value* events = At(record, {"input", "events"});
  if (events == nullptr || !events->is_array()) return Failed("no events");
  event::Projection projection;
  std::vector<std::string> steps;
  for (const json::Value& event : events->array()) {
    const auto applied = projection.Apply(event);
    event::Object step;
    step.Add("applied", applied.value_or(false));
    if (!applied) step.Add("error", ToString(applied.error().fault));
    steps.push_back(step.Take());
  }
  event::Object object;
  object.Raw("snapshot", projection.snapshot().ToJson());
  object.Raw("steps", event::ArrayOfRaw(steps));
  return Compare(record, object.Take());
}

}  // namespace vectors
