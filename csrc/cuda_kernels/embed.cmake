# Writes the sources of the CUDA kernels into a C++ file: cmake -DSOURCES=<folder> -DOUTPUT=<file> -P embed.cmake
#
# A kernel's text contains its headers, each once, so that it is complete wherever the addon is.
cmake_minimum_required(VERSION 3.18)

function(resolve_includes text output)
  set(seen "")
  while(text MATCHES "#include \"([a-z_]+\\.cuh)\"\n")
    set(line "${CMAKE_MATCH_0}")
    set(header "${CMAKE_MATCH_1}")
    string(FIND "${text}" "${line}" place)
    string(LENGTH "${line}" length)
    math(EXPR behind "${place} + ${length}")
    string(SUBSTRING "${text}" 0 ${place} before)
    string(SUBSTRING "${text}" ${behind} -1 after)
    set(body "")
    if(NOT header IN_LIST seen)
      file(READ "${SOURCES}/${header}" body)
      list(APPEND seen "${header}")
    endif()
    set(text "${before}${body}${after}")
  endwhile()
  set(${output} "${text}" PARENT_SCOPE)
endfunction()

file(GLOB kernels "${SOURCES}/*.cu")
set(entries "")
foreach(kernel IN LISTS kernels)
  get_filename_component(name "${kernel}" NAME_WE)
  file(READ "${kernel}" text)
  resolve_includes("${text}" text)
  string(APPEND entries "    {\"${name}\", R\"CUDA(${text})CUDA\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "#include \"cuda_kernels/embedded_sources.h\"

namespace virnucpro {

const std::vector<KernelSource>& embedded_sources() {
  static const std::vector<KernelSource> all = {
${entries}  };
  return all;
}

}  // namespace virnucpro
")
