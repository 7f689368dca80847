import { openBegun, type TargetFlags } from '../../studied/open.js';
import { writeStudyPage } from '../../studied/study-page.js';
import { tellNext } from '../words.js';

export async function report(wanted: string, flags: TargetFlags): Promise<void> {
  const { plan, folder } = await openBegun(wanted, flags);
  console.log(writeStudyPage(plan, folder));
  tellNext('rescaled', 'study', 'advise', folder);
}
