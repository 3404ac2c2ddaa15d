# Every test that docs/contract-tests.md names, as `Suite.Name`, is one that CTest knows.
#   -DBUILD=... -DTABLE=... -DCTEST=...
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${CTEST} -N WORKING_DIRECTORY ${BUILD}
  OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
# "  Test #12: Prefix/Suite.Name/parameter", with the prefix and the parameter or without.
string(REGEX MATCHALL "Test +#[0-9]+: [^\n]+" lines "${listing}")
set(known "")
foreach(line IN LISTS lines)
  if(line MATCHES ": ([^ ]+/)?([A-Za-z0-9_]+\\.[A-Za-z0-9_]+)")
    list(APPEND known "${CMAKE_MATCH_2}")
  endif()
endforeach()

# Read as text and not as a list of lines: brackets and semicolons mean something in a list.
file(READ ${TABLE} text)
string(REGEX MATCHALL "`[A-Z][A-Za-z0-9_]*Test\\.[A-Za-z0-9_]+`" named "${text}")
list(REMOVE_DUPLICATES named)
list(LENGTH named count)
if(count EQUAL 0)
  message(FATAL_ERROR "${TABLE} names no test")
endif()
set(missing "")
foreach(name IN LISTS named)
  string(REPLACE "`" "" name "${name}")
  if(NOT name IN_LIST known)
    string(APPEND missing "\n  ${name}")
  endif()
endforeach()
if(missing)
  message(FATAL_ERROR "${TABLE} names tests that do not exist:${missing}")
endif()
message(STATUS "${count} tests are named, and exist")
