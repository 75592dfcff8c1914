#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/Stream.h>

namespace simulated {

c10::Allocator& page_locked_allocator();
bool is_page_locked(const void* address);
// That a stream reads or writes the page-locked memory of this tensor's data; false where it is none.
bool record_use(const c10::DataPtr& data, c10::Stream stream);

}  // namespace simulated
