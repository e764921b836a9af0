// What tesserocr names of the legacy engine, for a Tesseract that was built without it: each says that it cannot.
// Our own code uses none of it.
#include <tesseract/baseapi.h>
#include <tesseract/osdetect.h>
#include <tesseract/renderer.h>

namespace tesseract {

bool TessBaseAPI::AdaptToWordStr(PageSegMode, const char *) { return false; }
void TessBaseAPI::ClearAdaptiveClassifier() {}
bool TessBaseAPI::DetectOS(OSResults *) { return false; }
bool TessBaseAPI::DetectOrientationScript(int *, float *, const char **, float *) { return false; }
int OSResults::get_best_script(int) const { return 0; }
TessOsdRenderer::TessOsdRenderer(const char *outputbase) : TessResultRenderer(outputbase, "osd") {}
bool TessOsdRenderer::AddImageHandler(TessBaseAPI *) { return false; }

}  // namespace tesseract
