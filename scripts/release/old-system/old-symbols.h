// Included before everything else. libstdc++ 12 has this function twice, as it was before and as it is since: the addon
// links to the older one, which every libstdc++ has.
__asm__(
    ".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE,"
    "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
